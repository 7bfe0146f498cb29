import { HomelabError } from '../errors.ts'

type Param = string | number | boolean | undefined
export type Params = Readonly<Record<string, Param>>

/** Everything but letters, digits and `-._~`: the server's parser also splits on `;`. */
export const encode = (value: string | number): string =>
  encodeURIComponent(String(value).toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** Path with encoded parts: at`/nodes/${node}/tasks`. A part can never be empty or climb out of its place. */
export function at(strings: TemplateStringsArray, ...parts: readonly (string | number)[]): string {
  return strings.reduce((path, literal, index) => {
    const part = String(parts[index - 1])
    if (part === '' || part === '.' || part === '..') {
      throw new HomelabError('usage', `"${part}" cannot be a part of a Proxmox path (${path}…)`)
    }
    return path + encode(part) + literal
  })
}

/** A query or a form body. Booleans are 1 and 0: `true` is refused in a form. */
export function encodeParams(params: Params): string {
  const pairs: string[] = []
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue
    pairs.push(`${encode(name)}=${encode(typeof value === 'boolean' ? Number(value) : value)}`)
  }
  return pairs.join('&')
}

export interface PathFacts {
  readonly node?: string
  readonly vmid?: number
  /** How people call the guest: `CT 110`, `VM 100`. */
  readonly guest?: string
}

export function pathFacts(path: string): PathFacts {
  const [, node, type, vmid] = /^\/nodes\/([^/]+)(?:\/(lxc|qemu)\/(\d+))?/.exec(path) ?? []
  if (node === undefined) return {}
  if (type === undefined || vmid === undefined) return { node: decodeURIComponent(node) }
  return {
    node: decodeURIComponent(node),
    vmid: Number(vmid),
    guest: `${type === 'lxc' ? 'CT' : 'VM'} ${vmid}`,
  }
}
