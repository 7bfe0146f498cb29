/**
 * Commands that are one simulated program and nothing else are answered without a shell. It is the same answer: only the
 * processes are saved that would do nothing but ask for it.
 */
import { programs } from '../files/programs.ts'
import type { Sim } from '../sim.ts'
import type { LabFiles } from './files.ts'
import { isOfLab, lastOnly } from './route.ts'
import { systemPrograms } from './system.ts'

export interface Direct {
  /** `host`, or the VMID of a container. */
  readonly where: string
  readonly argv: readonly string[]
  /** Whether it waits for the end of its input. */
  readonly reads: boolean
}

const onHost = [
  'df',
  'smartctl',
  'hostname',
  'uptime',
  'journalctl',
  'systemctl',
  'curl',
  'wget',
  'pveversion',
]
const inContainer = [
  ...[
    'journalctl',
    'systemctl',
    'curl',
    'wget',
    'pg_isready',
    'php',
    'redis-cli',
    'hostname',
    'df',
    'uptime',
  ],
  ...Object.keys(systemPrograms).filter((name) => name !== 'apt-get'),
]

/** The words of a command line as quoteArgv writes them; undefined for one that only a shell understands. */
export function wordsOf(line: string): readonly string[] | undefined {
  const words: string[] = []
  const word = /\s*((?:'[^']*'|\\'|[A-Za-z0-9_./:@%+,=-]+)+)/y
  while (word.lastIndex < line.length) {
    const [, text] = word.exec(line) ?? []
    if (text === undefined) return undefined
    words.push(
      text.replace(/'([^']*)'|\\(')/g, (_, quoted?: string, escaped?: string) => quoted ?? escaped ?? ''),
    )
  }
  const marked = words[0]?.startsWith('HOMELAB_EXEC=') === true && words[1] === 'exec'
  return marked ? words.slice(2) : words
}

export const readsInput = (name: string, args: readonly string[]): boolean =>
  ['tee', 'chpasswd'].includes(name) || args.includes('/dev/stdin') || args.includes('-')

/**
 * @param home of the programs
 * @param files that are the lab's own, of which the machine's programs are used
 */
export function directOf(
  sim: Sim,
  line: string,
  node: string,
  home: string,
  files: readonly LabFiles[],
): Direct | undefined {
  // With real backups many of these programs are the machine's.
  if (sim.real !== undefined) return undefined
  const own = [home, ...files.map(({ root }) => root)]
  const words = wordsOf(line)
  if (words === undefined) return undefined
  if (words[0] !== 'pct') return checked(sim, 'host', words, own, files)
  if (words[1] !== 'exec') return { where: 'host', argv: ['pct-other', ...words.slice(1)], reads: false }
  const [, , vmid = '', ...rest] = words
  const guest = sim.lab.guests.get(Number(vmid))
  if (guest?.type !== 'lxc' || guest.state !== 'running' || guest.node !== node) return undefined
  const inner = rest[0] === '--keep-env' ? rest.slice(2) : rest
  return inner[0] === '--' ? checked(sim, vmid, inner.slice(1), own, files) : undefined
}

function checked(
  sim: Sim,
  where: string,
  argv: readonly string[],
  own: readonly string[],
  files: readonly LabFiles[],
): Direct | undefined {
  const [name = '', ...args] = argv
  const reads = readsInput(name, args)
  const mine = files.filter(({ vmid }) => String(vmid ?? 'host') === where)
  const isMine = (arg: string) => mine.some(({ path }) => arg === path || arg.startsWith(`${path}/`))
  if (args.some(isMine)) return undefined
  if ((where === 'host' ? onHost : inContainer).includes(name))
    return sim.machines.has(Number(where)) ? undefined : { where, argv, reads }
  if (!Object.hasOwn(programs, name)) return undefined
  // What is known of a container's packages is served from files.
  const known = sim.insides.of(Number(where)) !== undefined
  if (
    name === 'cat' &&
    known &&
    args.some((arg) => /^\/(etc\/os-release$|usr\/bin\/update$|root\/\.)/.test(arg))
  )
    return undefined
  const asked = lastOnly.includes(name) ? args.filter((arg) => arg !== ']').slice(-1) : args
  return asked.some((arg) => isOfLab(arg, own)) ? { where, argv, reads } : undefined
}
