/** Programs on the Proxmox node itself: disks, RAID, SMART and `pct`. */

import { programs } from '../files/programs.ts'
import { FileError } from '../files/tree.ts'
import { GB, TB } from '../lab/model.ts'
import type { Services } from '../services/services.ts'
import type { Sim } from '../sim.ts'
import type { Given, Output } from './answer.ts'
import { fail, runOnFiles } from './answer.ts'
import { communityScript } from './community.ts'
import { fetch } from './fetch.ts'
import { journal } from './journal.ts'
import { pct } from './pct.ts'

/** The node's users are root and numbers. */
function numberOf(_kind: 'user' | 'group', name: string): number {
  if (name === 'root') return 0
  if (/^\d+$/.test(name)) return Number(name)
  throw new FileError(`invalid user: '${name}'`)
}

interface FileSystem {
  readonly source: string
  readonly type: string
  readonly size: number
  readonly used: number
  readonly target: string
}

const fileSystems: readonly FileSystem[] = [
  { source: '/dev/mapper/pve-root', type: 'ext4', size: 62 * GB, used: 18.4 * GB, target: '/' },
  { source: 'tesla', type: 'zfs', size: 0.98 * TB, used: 0.61 * TB, target: '/mnt/pve/tesla' },
  { source: '/dev/md0', type: 'ext4', size: 48 * TB, used: 31.4 * TB, target: '/Apollo' },
]

const existing = [
  '/Apollo/Media',
  '/Apollo/Photos',
  '/Apollo/Nextcloud',
  '/Apollo/Downloads',
  '/Apollo/Backups',
  '/mnt/pve/tesla',
  '/var',
  '/etc',
  '/root',
  '/home',
  '/tmp',
  '/boot',
]

/** As the faults want them. */
const mounted = ({ faults }: Sim): readonly FileSystem[] =>
  fileSystems
    .filter(({ target }) => !faults.unmounted.includes(target))
    .map((system) => {
      const used = faults.hostUsed[system.target]
      return used === undefined ? system : { ...system, used: system.size * used }
    })

/** The file system that a path is on: the longest mount point before it. */
function holding(path: string, systems: readonly FileSystem[]): FileSystem | undefined {
  const fits = ({ target }: FileSystem) => target === '/' || path === target || path.startsWith(`${target}/`)
  return systems.filter(fits).sort((a, b) => b.target.length - a.target.length)[0]
}

const columns: Readonly<
  Record<string, readonly [string, (system: FileSystem, unit: number, path: string) => string]>
> = {
  source: ['Filesystem', ({ source }) => source],
  fstype: ['Type', ({ type }) => type],
  size: ['1B-blocks', ({ size }, unit) => String(Math.ceil(size / unit))],
  used: ['Used', ({ used }, unit) => String(Math.ceil(used / unit))],
  avail: ['Avail', ({ size, used }, unit) => String(Math.ceil((size - used) / unit))],
  pcent: ['Use%', ({ size, used }) => `${Math.ceil((used / size) * 100)}%`],
  target: ['Mounted on', ({ target }) => target],
  file: ['File', (_system, _unit, path) => path],
}

const units: Readonly<Record<string, number>> = {
  '1': 1,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  '1K': 1024,
  '1M': 1024 ** 2,
  '1G': 1024 ** 3,
}

/** `df` of coreutils: -B, -k, -P, -T, --output, and paths. */
export function df(sim: Sim, args: readonly string[]): Output {
  const systems = mounted(sim)
  let unit = 1024
  let wanted = ['source', 'size', 'used', 'avail', 'pcent', 'target']
  const paths: string[] = []
  for (const [index, arg] of args.entries()) {
    const block = /^(?:-B|--block-size=)(.+)$/.exec(arg)?.[1] ?? (args[index - 1] === '-B' ? arg : undefined)
    if (block !== undefined) unit = units[block] ?? 1024
    else if (arg.startsWith('--output=')) wanted = arg.slice('--output='.length).split(',')
    else if (arg === '-T') wanted = ['source', 'fstype', ...wanted.slice(1)]
    else if (!arg.startsWith('-')) paths.push(arg)
  }
  const unknown = wanted.find((name) => !columns[name])
  if (unknown !== undefined) return fail(`df: option --output: field '${unknown}' unknown`)
  const rows =
    paths.length > 0
      ? paths.map((path) => [path, holding(path, systems)] as const)
      : systems.map((system) => ['-', system] as const)
  const missing = paths.filter(
    (path) =>
      path !== '/' &&
      !existing.some((known) => path === '/Apollo' || path === known || path.startsWith(`${known}/`)),
  )
  if (missing.length > 0)
    return fail(missing.map((path) => `df: ${path}: No such file or directory`).join('\n'))
  const head = wanted.map((name) =>
    name === 'size' && unit !== 1
      ? `${unit === 1024 ? '1K' : `${unit / 1024 ** 2}M`}-blocks`
      : (columns[name]?.[0] ?? ''),
  )
  const lines = rows.map(([path, system]) =>
    system ? wanted.map((name) => columns[name]?.[1](system, unit, path) ?? '').join(' ') : '',
  )
  return { stdout: `${head.join(' ')}\n${lines.join('\n')}\n` }
}

function mdstat(sim: Sim): string {
  const state = sim.faults.raidDegraded ? '[4/3] [UUU_]' : '[4/4] [UUUU]'
  const disks = sim.faults.raidDegraded
    ? 'sdd1[3](F) sdc1[2] sdb1[1] sda1[0]'
    : 'sdd1[3] sdc1[2] sdb1[1] sda1[0]'
  const at = sim.faults.raidRebuild
  const rebuild =
    at > 0
      ? `      [====>................]  recovery = ${at.toFixed(1)}% (1/2) finish=127.5min speed=33440K/sec\n`
      : ''
  return `Personalities : [raid6] [raid5] [raid4]
md0 : active raid5 ${disks}
      46874764800 blocks super 1.2 level 5, 512k chunk, algorithm 2 ${state}
${rebuild}      bitmap: 4/117 pages [16KB], 65536KB chunk

unused devices: <none>
`
}

/** Of the first node. */
export const disks = ['sda', 'sdb', 'sdc', 'sdd', 'nvme0n1', 'nvme1n1']

const attributes = (pending: number) =>
  [
    { id: 5, name: 'Reallocated_Sector_Ct', raw: 0 },
    { id: 9, name: 'Power_On_Hours', raw: 21_412 },
    { id: 197, name: 'Current_Pending_Sector', raw: pending },
    { id: 198, name: 'Offline_Uncorrectable', raw: 0 },
  ].map(({ raw, ...row }) => ({
    ...row,
    value: 100,
    worst: 100,
    thresh: 0,
    when_failed: '',
    raw: { value: raw, string: String(raw) },
  }))

function smartctl(sim: Sim, args: readonly string[]): Output {
  const asJson = args.some((arg) => arg === '-j' || arg === '--json' || arg.startsWith('--json='))
  if (args.includes('--scan')) {
    const found = disks.map((disk) => ({
      name: `/dev/${disk}`,
      type: disk.startsWith('nvme') ? 'nvme' : 'sat',
    }))
    if (asJson) return { stdout: `${JSON.stringify({ json_format_version: [1, 0], devices: found })}\n` }
    return {
      stdout: found.map(({ name: path, type }) => `${path} -d ${type} # ${path}, ${type} device\n`).join(''),
    }
  }
  const device = args.findLast((arg) => arg.startsWith('/dev/'))
  if (device === undefined) return fail('smartctl: no device', 1)
  const name = device.slice('/dev/'.length)
  if (!disks.includes(name)) return fail(`Smartctl open device: ${device} failed: No such device`, 2)
  const passed = !sim.faults.smartFailing.includes(name)
  // Bit 3 of the exit status: the disk is failing.
  const code = passed ? 0 : 8
  if (asJson) {
    const content = {
      json_format_version: [1, 0],
      smartctl: { version: [7, 3], exit_status: code },
      device: { name: device, type: name.startsWith('nvme') ? 'nvme' : 'sat' },
      smart_status: { passed },
      ...(name.startsWith('nvme')
        ? {
            nvme_smart_health_information_log: {
              critical_warning: 0,
              available_spare: 100,
              available_spare_threshold: 10,
              percentage_used: 3,
              media_errors: 0,
            },
          }
        : { ata_smart_attributes: { revision: 16, table: attributes(sim.faults.smartPending[name] ?? 0) } }),
      temperature: { current: 36 },
      power_on_time: { hours: 21_412 },
    }
    return { stdout: `${JSON.stringify(content)}\n`, code }
  }
  return {
    stdout: `smartctl 7.3 2022-02-28 r5338 [x86_64-linux-6.8.12-11-pve] (local build)

=== START OF READ SMART DATA SECTION ===
SMART overall-health self-assessment test result: ${passed ? 'PASSED' : 'FAILED!'}
`,
    code,
  }
}

function pvesm(sim: Sim, [command, volid = '']: readonly string[]): Output {
  if (command !== 'path') return fail(`ERROR: unknown command 'pvesm ${command ?? ''}'`, 255)
  const known = sim.lab.volumes.some((volume) => volume.volid === volid)
  const path = known ? sim.real?.archive(volid) : undefined
  return path === undefined ? fail(`no such volume '${volid}'`, 2) : { stdout: `${path}\n` }
}

/** `qm unlock`: whatever holds it, root takes it off. */
function qm(sim: Sim, node: string, [command, id = '']: readonly string[]): Output {
  if (command !== 'unlock') return fail(`ERROR: unknown command 'qm ${command ?? ''}'`, 255)
  const guest = sim.lab.guests.get(Number(id))
  if (guest?.type !== 'qemu' || guest.node !== node)
    return fail(`Configuration file 'nodes/${node}/qemu-server/${id}.conf' does not exist`, 2)
  guest.lock = undefined
  sim.lab.touch()
  return {}
}

/** Whether the lock of a container's configuration is free, within the time that the real one is waited for. */
async function lockFree(sim: Sim, vmid: string): Promise<Output> {
  const guest = sim.lab.guests.get(Number(vmid))
  if (guest === undefined) return {}
  try {
    const release = await sim.power.acquire(guest)
    release()
    return {}
  } catch {
    return { code: 1 }
  }
}

export async function runOnHost(
  sim: Sim,
  services: Services,
  node: string,
  [program = '', ...args]: readonly string[],
  { stdin, env }: Given,
): Promise<Output> {
  const files = sim.files.node(node)
  const onFiles = programs[program]
  if (onFiles !== undefined) return runOnFiles(onFiles, program, { files, args, stdin, id: numberOf })
  switch (program) {
    case 'df':
      return df(sim, args)
    case 'mdstat':
      return { stdout: mdstat(sim) }
    case 'smartctl':
      return smartctl(sim, args)
    case 'pvesm':
      return pvesm(sim, args)
    case 'pct-other':
      return await pct(sim, node, args)
    case 'qm':
      return qm(sim, node, args)
    case 'pct-lock':
      return await lockFree(sim, args[0] ?? '')
    case 'curl':
    case 'wget':
      return fetch(program, args, files)
    case 'community-script':
      return await communityScript({ sim, services, node, args, env })
    case 'pveversion':
      return { stdout: `pve-manager/${sim.options.pve}.1/0000000000000000 (running kernel: 6.8.12-11-pve)\n` }
    case 'hostname':
      return { stdout: `${node}\n` }
    case 'uptime':
      return { stdout: ' 10:00:00 up 41 days,  2:13,  1 user,  load average: 0.52, 0.48, 0.44\n' }
    case 'journalctl':
      return journal(sim, undefined, args)
    case 'systemctl':
      return { stdout: 'active\n' }
    default:
      return fail(`${program}: not simulated`, 127)
  }
}
