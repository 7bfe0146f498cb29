/** What homelab.yaml says of a service: written when it is there, taken out when it is gone. What a person wrote before stays. */
import { withEntry, withoutEntry } from '../inventory/edit.ts'
import { unifiedDiff } from '../inventory/unified-diff.ts'
import { readYaml } from '../inventory/yaml.ts'
import { option } from '../proxmox/guest-config.ts'
import type { Found } from './types.ts'
import { writtenFor } from './wanted.ts'
import { again, type MadeWork } from './work.ts'

type EntryPath = readonly string[]

interface Line {
  readonly path: EntryPath
  readonly value: unknown
}

/** All that should be in the file for it. Pure. */
export function linesFor({ name, from, hostname, plan, machine, net }: Found, vmid: number): readonly Line[] {
  const open = from.blueprint.expose?.public === true
  // Without its agent nobody else could tell.
  const ip = machine?.agent === false ? option(net, 'ip')?.split('/')[0] : undefined
  const address = ip === undefined || ip === 'dhcp' ? {} : { address: ip }
  return [
    { path: ['services', name], value: { ...writtenFor(name, vmid, from), ...address } },
    ...(hostname === null
      ? []
      : [{ path: ['network', 'routes', hostname], value: open ? { service: name, public: true } : name }]),
    ...(plan === null ? [] : [{ path: ['backups', plan.key], value: plan.entry }]),
  ]
}

/** Without needs that the file does not name: it would be wrong then, and the plan has warned of them. */
function withKnownNeeds(text: string, { path, value }: Line): Line {
  const { needs } = value as { readonly needs?: readonly string[] }
  if (path[0] !== 'services' || needs === undefined) return { path, value }
  const { services } = readYaml(text).value as { readonly services?: object | null }
  const names = new Set(Object.keys(services ?? {}).map((name) => name.toLowerCase()))
  const known = needs.filter((need) => names.has(need.toLowerCase()))
  const { needs: _, ...rest } = value as Record<string, unknown>
  return { path, value: known.length === 0 ? rest : { ...rest, needs: known } }
}

const has = (text: string, path: EntryPath): boolean => {
  let value: unknown = readYaml(text).value
  for (const key of path) value = (value as Record<string, unknown> | null | undefined)?.[key]
  return value !== undefined
}

/** Those that are not there. */
export const missingIn = (text: string, lines: readonly Line[]): readonly Line[] =>
  lines.filter(({ path }) => !has(text, path))

export const withLines = (text: string, lines: readonly Line[]): string =>
  missingIn(text, lines)
    .map((line) => withKnownNeeds(text, line))
    .reduce((longer, { path, value }) => withEntry(longer, path, value), text)

export const withoutLines = (text: string, paths: readonly EntryPath[]): string =>
  paths.reduce((shorter, path) => withoutEntry(shorter, path), text)

/** @returns the diff; undefined where there is no file */
export async function write(work: MadeWork): Promise<string | undefined> {
  const { found, services, verbs, guest } = work
  const { file } = services
  if (file === undefined) return undefined
  const wanted = linesFor(found, guest.vmid)
  // Before anything is written: only these are taken out again.
  const added = await verbs.step('lines', async () => {
    return missingIn(await file.text(), wanted).map(({ path }) => [...path])
  })
  verbs.undo('the lines in homelab.yaml', async () => {
    await file.change((text) => withoutLines(text, added.toReversed()))
  })
  verbs.report({ text: 'Writing homelab.yaml' })
  return await again(work, 'homelab.yaml', async () => {
    const { before, after } = await file.change((text) => withLines(text, wanted))
    return unifiedDiff(before, after)
  })
}
