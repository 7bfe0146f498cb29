/** The graphics of a node, and which of its guests are given them. */
import type { Lab } from '../../inventory/types.ts'
import type { GuestConfig } from '../../proxmox/backup-types.ts'
import type { Gpu } from '../../proxmox/cluster-types.ts'
import { configLines } from '../../proxmox/guest-config.ts'
import type { GuestType, Proxmox } from '../../proxmox/types.ts'

/** More guests than this are not asked for their configuration, one call each. */
const ASKED = 40

interface Graphics {
  readonly gpus?: Gpu[]
  readonly gpuUsers?: string[]
}

/** {} where the right to see the hardware is missing. */
export async function graphicsOf(
  node: string,
  { lab, proxmox }: { readonly lab: Lab; readonly proxmox: Proxmox },
  signal: AbortSignal,
): Promise<Graphics> {
  let gpus: readonly Gpu[]
  try {
    gpus = await proxmox.cluster.gpus(node, signal)
  } catch {
    signal.throwIfAborted()
    return {}
  }
  const { guests } = await lab.overview({ signal })
  const own = guests.filter((guest) => guest.node === node && !guest.template)
  if (gpus.length === 0 || own.length > ASKED) return { gpus: [...gpus] }
  const users = await Promise.all(
    own.map(async (guest) => {
      try {
        const lines = configLines(await proxmox.guestConfig(guest, signal))
        const used = graphicsIn(guest.type, lines, gpus)
        return used.length === 0 ? [] : [`${guest.name} (${used.join(', ')})`]
      } catch {
        signal.throwIfAborted()
        return []
      }
    }),
  )
  return { gpus: [...gpus], gpuUsers: users.flat() }
}

/** Lines of a configuration that give a guest a graphics device, each with what it gives. */
export function graphicsIn(type: GuestType, config: GuestConfig, gpus: readonly Gpu[]): readonly string[] {
  return Object.entries(config).flatMap(([key, value]) => {
    const first = (value.split(',')[0] ?? '').replace(/^path=/, '')
    if (type === 'lxc') {
      if (/^dev\d+$/.test(key)) return /^\/dev\/(dri\/|nvidia)/.test(first) ? [`${key}: ${first}`] : []
      // As it was done before Proxmox had `dev0`: `/dev/dri dev/dri none bind,optional,create=dir`.
      const mounted =
        key === 'lxc.mount.entry' ? /(?:^|\n)(\/dev\/(?:dri|nvidia)\S*)/.exec(value)?.[1] : undefined
      return mounted === undefined ? [] : [mounted]
    }
    if (!/^hostpci\d+$/.test(key)) return []
    const address = first.replace(/^host=/, '')
    // Without its last part, all functions of the device are given.
    return gpus.some(({ id }) => id.endsWith(address) || id.replace(/\.\d$/, '').endsWith(address))
      ? [`${key}: ${address}`]
      : []
  })
}
