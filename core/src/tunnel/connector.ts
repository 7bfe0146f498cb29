/** The cloudflared of this lab, where it runs: its unit, restarted, and whether it is up again. */
import { HomelabError } from '../errors.ts'
import type { TunnelSettings } from '../inventory/network-schema.ts'
import type { Needed } from '../operation/types.ts'
import type { Clock, Shell } from '../ports.ts'

type Services = Needed<readonly ['lab', 'shells']>

export interface ConnectorPlace {
  /** For people: `cloudflared (CT 104 on pve)`, `the node pve`. */
  readonly name: string
  readonly shell: Shell
}

/** The unit that `cloudflared service install` and the packages make. */
export const unit = 'cloudflared'

/**
 * Every place where homelab.yaml says that one runs, in its order.
 * @throws HomelabError `config` when there is no way to get there
 */
export async function connectorPlaces(
  settings: TunnelSettings,
  { lab, shells }: Services,
  signal?: AbortSignal,
): Promise<readonly ConnectorPlace[]> {
  if (settings.node !== undefined)
    return [{ name: `the node ${settings.node}`, shell: shells.host(settings.node) }]
  const names = settings.service ?? ['cloudflared']
  const targets = await lab.resolve(names, signal === undefined ? {} : { signal })
  return targets.map(({ name, guest }) => {
    if (guest.type !== 'lxc' || !shells.has(guest.node))
      throw new HomelabError('config', `There is no way into ${name} (${guest.vmid} on ${guest.node}).`, {
        hint: 'A container on a node with `proxmox.ssh` can be entered; for another place see `network.tunnel.node`.',
      })
    return { name: `${name} (CT ${guest.vmid} on ${guest.node})`, shell: shells.guest(guest) }
  })
}

/** @throws HomelabError `failed` with the last lines that the command said */
export async function must(
  shell: Shell,
  argv: readonly string[],
  what: string,
  options: Parameters<Shell['exec']>[1] = {},
): Promise<string> {
  const { code, stdout, stderr } = await shell.exec(argv, options)
  if (code === 0) return stdout
  throw new HomelabError('failed', `${what} failed (exit code ${code ?? 'none'}).`, {
    data: { log: stderr.trim().split('\n').slice(-5) },
  })
}

/** Milliseconds until a cloudflared that was restarted has to run: it gives up at once on a file that it cannot read. */
const UP_MS = 15_000

/**
 * Restarts it, and waits until systemd says that it runs. Whoever comes through this connector meanwhile meets error 1033
 * unless there is another one.
 * @throws HomelabError `failed`
 */
export async function restartConnector(
  { name, shell }: ConnectorPlace,
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  const options = signal === undefined ? {} : { signal }
  await must(shell, ['systemctl', 'restart', unit], `Restarting cloudflared in ${name}`, options)
  const end = clock.monotonic() + UP_MS
  for (;;) {
    const { code } = await shell.exec(['systemctl', 'is-active', '--quiet', unit], options)
    if (code === 0) return
    if (clock.monotonic() >= end)
      throw new HomelabError('failed', `cloudflared in ${name} does not run after its restart.`, {
        hint: '`logs cloudflared` shows why.',
      })
    await clock.sleep(500, signal)
  }
}
