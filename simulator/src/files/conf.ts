/** A container's configuration as its file has it: options in order, raw lines of LXC after them, then its snapshots. */
import { fit } from '../lab/lab.ts'
import type { Guest } from '../lab/model.ts'
import { FileError } from './tree.ts'

type Config = Readonly<Record<string, string>>

const isRaw = (key: string): boolean => key.startsWith('lxc.')

/** `a: b`; a raw key has a line for each of its values. */
export function configText(config: Config): string {
  const lines = Object.entries(config).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const plain = lines.filter(([key]) => !isRaw(key) && key !== 'description')
  const raw = lines.filter(([key]) => isRaw(key))
  return [
    ...plain.map(([key, value]) => `${key}: ${value}\n`),
    ...raw.flatMap(([key, value]) => value.split('\n').map((each) => `${key}: ${each}\n`)),
  ].join('')
}

/** Unreserved characters of a URL, and those that PVE leaves as they are. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/%(20|2C|2F|3D|40|3A)/g, (each) => decodeURIComponent(each))

const notes = (config: Config): string =>
  config.description === undefined
    ? ''
    : config.description
        .replace(/\n$/, '')
        .split('\n')
        .map((line) => `#${encoded(line)}\n`)
        .join('')

export function confOf(guest: Guest): string {
  const locked = guest.lock === undefined ? {} : { lock: guest.lock }
  const parent = guest.parent === undefined ? {} : { parent: guest.parent }
  const sections = guest.snapshots.map(({ name, config, time, parent: before, state }) => {
    const own = {
      ...config,
      snaptime: String(Math.floor(time / 1000)),
      ...(before === undefined ? {} : { parent: before }),
      ...(state === undefined ? {} : { snapstate: state }),
    }
    return `\n[${name}]\n${notes(config)}${configText(own)}`
  })
  return `${notes(guest.config)}${configText({ ...guest.config, ...locked, ...parent })}${sections.join('')}`
}

/** What `pct config` prints. */
export function configPrinted(guest: Guest): string {
  const locked = guest.lock === undefined ? {} : { lock: guest.lock }
  const config: Config = { ...guest.config, ...guest.pending, ...locked }
  const lines = configText(config).split('\n').filter(Boolean)
  const { description } = config
  const notes =
    description === undefined ? [] : [`description: ${encoded(description).replaceAll('\n', '%0A')}`]
  const plain = [...notes, ...lines.filter((line) => !isRaw(line))].toSorted()
  return `${[...plain, ...lines.filter(isRaw)].join('\n')}\n`
}

/**
 * Takes a file's text as the container's configuration. Its snapshots stay what they are: one whose section is gone goes.
 * @throws FileError for a text that is cut off or that Proxmox could not read
 */
export function readConf(guest: Guest, text: string): void {
  const config: Record<string, string> = {}
  const comments: string[] = []
  const sections = new Set<string>()
  for (const line of text.split('\n')) {
    const section = /^\[([\w-]+)\]\s*$/.exec(line)?.[1]
    if (section !== undefined) sections.add(section)
    if (sections.size > 0 || line.trim() === '') continue
    if (line.startsWith('#')) {
      comments.push(decodeURIComponent(line.slice(1)))
      continue
    }
    const [, key, value = ''] = /^([a-z][a-z_.]*\d*)\s*:\s*(.*?)\s*$/.exec(line) ?? []
    if (key === undefined) throw new FileError('Invalid argument')
    config[key] = config[key] === undefined ? value : `${config[key]}\n${value}`
  }
  const { lock, parent, ...rest } = config
  guest.lock = lock
  guest.parent = parent
  guest.config = { ...rest, ...(comments.length > 0 ? { description: comments.join('\n') } : {}) }
  guest.snapshots = guest.snapshots.filter(({ name }) => sections.has(name))
  fit(guest)
}
