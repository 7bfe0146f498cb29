/** Where a service answers in the lab, and whether it does. */
import { HomelabError, isHomelabError } from '../errors.ts'
import { knownService } from '../health/catalogue.ts'
import type { Target } from '../inventory/types.ts'
import type { Needed } from '../operation/types.ts'
import { markOf } from './marks.ts'

export interface Backend {
  /** `http://192.168.1.111:8096` */
  readonly url: string
  /** It speaks https with a certificate of its own. */
  readonly insecure: boolean
}

type Services = Needed<readonly ['proxmox', 'health', 'network']>

/** Ports on which these speak https themselves. */
const secure = new Set([443, 8443, 8006, 8007, 9443])

/** @throws HomelabError `usage` for what serves no pages, `conflict` when its address or port is not known */
export async function backendOf(
  target: Target,
  { proxmox }: Pick<Services, 'proxmox'>,
  signal: AbortSignal,
): Promise<Backend> {
  const { name, service, guest } = target
  const kind = service?.kind ?? name
  const mark = markOf(kind)
  if (mark.notHttp === true)
    throw new HomelabError('usage', `${name} cannot be exposed: ${mark.private}.`, {
      hint: 'Only what speaks HTTP goes through Traefik and the tunnel.',
    })
  const port = service?.port ?? knownService(kind)?.port
  if (port === undefined)
    throw new HomelabError('conflict', `It is not known on which port ${name} answers.`, {
      hint: `Set \`port\` of ${name} in homelab.yaml.`,
    })
  const address = service?.address ?? (await addressOf(target, { proxmox }, signal))
  if (address === undefined)
    throw new HomelabError('conflict', `No address of ${guest.name} is known.`, {
      hint:
        guest.status === 'running'
          ? `Set \`address\` of ${name} in homelab.yaml.`
          : `${guest.name} is ${guest.status}: \`start ${name}\`, or set \`address\` in homelab.yaml.`,
    })
  const known = knownService(kind)
  const usual = known?.probe.via === 'http' && known.probe.scheme === 'https' && port === known.port
  const scheme = usual || secure.has(port) ? 'https' : 'http'
  const host = address.includes(':') ? `[${address}]` : address
  return { url: `${scheme}://${host}:${port}`, insecure: scheme === 'https' }
}

/** The guest's own first address, IPv4 before IPv6. */
export async function addressOf(
  { guest }: Pick<Target, 'guest'>,
  { proxmox }: Pick<Services, 'proxmox'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const all = await proxmox.guestAddresses(guest, signal)
    return (
      all.find((each) => !each.startsWith('127.') && !each.includes(':')) ??
      all.find((each) => !/^(?:::1|fe80)/i.test(each))
    )
  } catch (error) {
    signal.throwIfAborted()
    if (!isHomelabError(error)) throw error
    return undefined
  }
}

/** Why it does not answer; undefined: it does, or nobody can tell. */
export async function whyDown(
  target: Target,
  backend: Backend,
  { health, network }: Services,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (health.knows(target)) {
    const { state, detail } = await health.check(target, { signal })
    return state === 'down' ? detail : undefined
  }
  try {
    // Whatever it says, it is there.
    await network.probe.request({ method: 'GET', url: `${backend.url}/`, timeoutMs: 5_000, signal })
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    return isHomelabError(error) ? error.message : String(error)
  }
}
