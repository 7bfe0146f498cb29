/** Devices of the node in a container: `dev0` and on, which are root's alone. Facts: PVE::LXC::Config of 8.2. */
import { HomelabError } from '../errors.ts'
import type { ExecOptions, Shell } from '../ports.ts'
import type { GuestConfig } from '../proxmox/backup-types.ts'
import { option } from '../proxmox/guest-config.ts'
import type { GuestRef } from '../proxmox/types.ts'
import { lookAtHost } from './look.ts'
import { configNow, freeKeys, setAndCheck } from './pct.ts'

export interface Device {
  readonly path: string
  /** Whose it is inside, as the container numbers them. Default: root. */
  readonly uid?: number
  readonly gid?: number
  /** Octal, as `0660`, which is the default. */
  readonly mode?: string
}

/** What a GPU is made of; those count that the node has. The first of each must be there. */
const gpus = {
  dri: ['/dev/dri/renderD128', '/dev/dri/card0', '/dev/dri/card1', '/dev/dri/renderD129'],
  nvidia: [
    '/dev/nvidia0',
    '/dev/nvidiactl',
    '/dev/nvidia-uvm',
    '/dev/nvidia-uvm-tools',
    '/dev/nvidia-modeset',
  ],
} as const
export type Gpu = keyof typeof gpus

/**
 * The devices of a GPU that the node has.
 * @throws HomelabError `not-found` when it has none of that kind, and those of the shell
 */
export async function devicesOf(
  gpu: Gpu,
  shell: Shell,
  { gid, ...options }: ExecOptions & { readonly gid?: number } = {},
): Promise<readonly Device[]> {
  const { devices } = await lookAtHost(shell, { devices: gpus[gpu] }, options)
  const [first] = gpus[gpu]
  if (!devices[first])
    throw new HomelabError('not-found', `the node has no ${first}`, {
      hint:
        gpu === 'nvidia'
          ? "NVIDIA's driver must be installed on the node, and loaded: nvidia-smi there shows it."
          : 'The GPU needs its driver on the node: ls /dev/dri there shows it.',
      data: { gpu, device: first },
    })
  return gpus[gpu]
    .filter((path) => devices[path])
    .map((path) => ({ path, ...(gid === undefined ? {} : { gid }) }))
}

const pathIn = (line: string): string => option(line, 'path') ?? line.split(',')[0] ?? ''

function lineOf({ path, uid, gid, mode }: Device): string {
  const options = { uid, gid, mode }
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return [path, ...given.map(([name, value]) => `${name}=${value}`)].join(',')
}

function checkDevice({ path, mode }: Device): void {
  if (!/^\/dev\/[A-Za-z0-9/_.-]+$/.test(path) || path.split('/').includes('..'))
    throw new HomelabError('usage', `${JSON.stringify(path)} is no device`, {
      hint: 'Such as /dev/dri/renderD128.',
    })
  if (mode !== undefined && !/^0?[0-7]{3}$/.test(mode))
    throw new HomelabError('usage', `${JSON.stringify(mode)} is no mode of a device`, {
      hint: 'Such as 0660.',
    })
}

/** By its path: also when it is written with other options, which stay as a person has set them. */
const has = (config: GuestConfig, path: string): boolean =>
  Object.entries(config).some(([key, line]) => /^dev\d+$/.test(key) && pathIn(line) === path)

/**
 * Gives a container the devices that it has not yet, in one call. It has them from its next start on when it is running.
 * @returns the keys that were added, by device; {} when it had all
 * @throws HomelabError `not-found` for a device that the node has not, `failed` before Proxmox VE 8.2, and those of pct
 */
export async function addDevices(
  guest: GuestRef,
  devices: readonly Device[],
  shell: Shell,
  options: ExecOptions = {},
): Promise<Readonly<Record<string, string>>> {
  for (const device of devices) checkDevice(device)
  const config = await configNow(guest, shell, options)
  const once = devices.filter(({ path }, index) => devices.findIndex((each) => each.path === path) === index)
  const missing = once.filter(({ path }) => !has(config, path))
  if (missing.length === 0) return {}
  const seen = await lookAtHost(shell, { devices: missing.map(({ path }) => path) }, options)
  const absent = missing.find(({ path }) => !seen.devices[path])
  if (absent !== undefined)
    throw new HomelabError('not-found', `${guest.node} has no device ${absent.path}`, {
      hint: `ls ${absent.path.replace(/[^/]*$/, '')} on ${guest.node} shows what there is.`,
      data: { device: absent.path },
    })
  const keys = freeKeys(config, 'dev', missing.length)
  const lines = missing.map((device, index) => [keys[index] ?? '', lineOf(device)] as const)
  await setAndCheck(guest, Object.fromEntries(lines), shell, {
    ...options,
    same: (wanted, now) => pathIn(wanted) === pathIn(now),
  })
  return Object.fromEntries(missing.map(({ path }, index) => [path, keys[index] ?? '']))
}
