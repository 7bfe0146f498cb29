/** `pct` of a node, but for `exec`: root may do all, and it refuses what the real one refuses. */
import { configPrinted } from '../files/conf.ts'
import { fit } from '../lab/lab.ts'
import type { Guest } from '../lab/model.ts'
import { allocated } from '../pve/disks.ts'
import { PveError } from '../pve/error.ts'
import { digestOf } from '../pve/guests.ts'
import { check } from '../pve/params.ts'
import { lxcConfig } from '../pve/routes/config.ts'
import type { Sim } from '../sim.ts'
import type { Output } from './answer.ts'
import { fail } from './answer.ts'

const containersOf = (sim: Sim, node: string): readonly Guest[] =>
  [...sim.lab.guests.values()].filter((guest) => guest.type === 'lxc' && guest.node === node)

export async function pct(
  sim: Sim,
  node: string,
  [command, id = '', ...rest]: readonly string[],
): Promise<Output> {
  const here = containersOf(sim, node)
  if (command === 'list') {
    const rows = here.map(
      (guest) =>
        `${String(guest.vmid).padEnd(10)} ${guest.state.padEnd(10)} ${(guest.lock ?? '').padEnd(12)} ${guest.config.hostname ?? `CT${guest.vmid}`}`,
    )
    return { stdout: `VMID       Status     Lock         Name                \n${rows.join('\n')}\n` }
  }
  if (!['status', 'config', 'set', 'unlock'].includes(command ?? ''))
    return fail(`ERROR: unknown command 'pct ${command ?? ''}'`, 255)
  const guest = here.find(({ vmid }) => String(vmid) === id)
  if (!guest) return fail(`Configuration file 'nodes/${node}/lxc/${id}.conf' does not exist`, 2)
  if (command === 'status') return { stdout: `status: ${guest.state}\n` }
  if (command === 'config') return { stdout: configPrinted(guest) }
  if (command === 'unlock') {
    guest.lock = undefined
    sim.lab.touch()
    return {}
  }
  return await set(sim, guest, rest)
}

/** `--mp0 x`, `-mp0 x`, `--mp0=x` */
function optionsOf(args: readonly string[]): Record<string, string> | Output {
  const values: Record<string, string> = {}
  for (let index = 0; index < args.length; index += 1) {
    const [, name, value] = /^--?([a-z][\w-]*)(?:=(.*))?$/s.exec(args[index] ?? '') ?? []
    if (name === undefined) return fail('400 too many arguments\npct set <vmid> [OPTIONS]', 255)
    const family = `${/^([a-z]+)\d+$/.exec(name)?.[1] ?? ''}[n]`
    if (!Object.hasOwn(lxcConfig, name) && !Object.hasOwn(lxcConfig, family))
      return fail(`Unknown option: ${name}\n400 unable to parse option\npct set <vmid> [OPTIONS]`, 255)
    if (value === undefined) index += 1
    values[name] = value ?? args[index] ?? ''
  }
  return values
}

const wrong = (name: string, text: string): string =>
  `400 Parameter verification failed.\n${name}: ${text}\npct set <vmid> [OPTIONS]`

const parts = (value: string): readonly string[] => value.split(',')
const mountOptions = [
  'acl',
  'backup',
  'mountoptions',
  'mp',
  'quota',
  'replicate',
  'ro',
  'shared',
  'size',
  'volume',
]
const features = ['force_rw_sys', 'fuse', 'keyctl', 'mknod', 'mount', 'nesting']

/** Why one line cannot be, as PVE::LXC::Config words it. */
function problemOf(sim: Sim, guest: Guest, name: string, value: string): string | undefined {
  if (/^mp\d+$/.test(name)) return mountProblem(sim, guest, name, value)
  if (/^dev\d+$/.test(name)) {
    const given = parts(value)
    const path = given.find((part) => part.startsWith('path='))?.slice(5) ?? given[0] ?? ''
    const odd = given
      .slice(1)
      .find((part) => !/^(path=\/dev\/\S+|uid=\d+|gid=\d+|mode=0?[0-7]{3}|deny-write=[01])$/.test(part))
    if (odd !== undefined)
      return wrong(name, `invalid format - format error\n${name}.${odd.split('=')[0]}: invalid`)
    if (!path.startsWith('/dev/')) return wrong(name, `invalid format - ${path} is no device`)
    return sim.faults.devices.includes(path) ? undefined : `Device ${path} does not exist`
  }
  if (name === 'features') {
    const odd = parts(value).find(
      (part) => !features.includes(part.split('=')[0] ?? '') || !part.includes('='),
    )
    if (odd !== undefined)
      return wrong(
        name,
        `invalid format - format error\nfeatures.${odd.split('=')[0]}: property is not defined in schema and the schema does not allow additional properties`,
      )
  }
  return undefined
}

function mountProblem(sim: Sim, guest: Guest, name: string, value: string): string | undefined {
  const [first = '', ...options] = parts(value)
  const source = first.replace(/^volume=/, '')
  const odd = options.find((part) => !mountOptions.includes(part.split('=')[0] ?? ''))
  if (odd !== undefined)
    return wrong(
      name,
      `invalid format - format error\n${name}.${odd.split('=')[0]}: property is not defined in schema and the schema does not allow additional properties`,
    )
  const mp = options.find((part) => part.startsWith('mp='))?.slice(3)
  if (mp === undefined)
    return wrong(
      name,
      `invalid format - format error\n${name}.mp: property is missing and it is not optional`,
    )
  if (!mp.startsWith('/') || mp === '/' || mp.split('/').includes('..'))
    return wrong(name, `invalid format - format error\n${name}.mp: invalid mount point`)
  if (source.startsWith('/')) {
    // A container that stands still is not tried: it does not start then.
    if (guest.state === 'stopped') return undefined
    return sim.files.node(guest.node).get(source)?.kind === 'folder'
      ? undefined
      : `directory '${source}' does not exist`
  }
  const storage = /^([a-z][\w.-]*):\S+$/i.exec(source)?.[1]
  if (storage === undefined) return `unable to parse volume ID '${source}'`
  return sim.lab.storages.some((each) => each.name === storage && each.node === guest.node)
    ? undefined
    : `storage '${storage}' does not exist`
}

/** What a running container takes only at its next start. */
const waits = (guest: Guest, name: string): boolean =>
  guest.state !== 'stopped' && /^(features|unprivileged|hookscript|dev\d+)$/.test(name)

async function set(sim: Sim, guest: Guest, args: readonly string[]): Promise<Output> {
  const values = optionsOf(args)
  if ('code' in values) return values as Output
  const { delete: gone = '', digest, ...changes } = values as Record<string, string>
  if (Object.keys(values).length === 0) return fail('no options specified', 255)
  if (!sim.lab.quorate()) return fail('cluster not ready - no quorum?', 255)
  try {
    check(lxcConfig, changes)
  } catch (error) {
    if (error instanceof PveError) return fail(`400 Parameter verification failed.\n${error.message}`, 255)
    throw error
  }
  let release: () => void
  try {
    release = await sim.power.acquire(guest)
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error), 255)
  }
  try {
    if (guest.lock) return fail(`CT is locked (${guest.lock})`, 255)
    if (digest !== undefined && digest !== digestOf(guest))
      return fail('detected modified configuration - file changed by other user? Try again.', 255)
    for (const [name, value] of Object.entries(changes)) {
      const problem = problemOf(sim, guest, name, value)
      if (problem !== undefined) return fail(problem, 255)
    }
    const made = allocated('lxc', guest.vmid, changes)
    for (const [name, value] of Object.entries(made))
      if (waits(guest, name)) guest.pending = { ...guest.pending, [name]: value }
      else guest.config[name] = value
    for (const name of gone.split(/[,;\s]+/).filter(Boolean)) {
      delete guest.config[name]
      delete guest.pending?.[name]
    }
    fit(guest)
    sim.lab.touch()
    sim.journal.change(guest.vmid, 'config')
    return {}
  } finally {
    release()
  }
}
