/** What an exposure means: which service, under which name, for whom. Everything that can be refused without asking anybody. */
import { HomelabError } from '../errors.ts'
import type { NetworkSettings, RouteEntry } from '../inventory/network-schema.ts'
import type { Target } from '../inventory/types.ts'
import { hostnameOf } from './hostnames.ts'
import { isPrivate, type Mark, markOf } from './marks.ts'

/** What one asks for. */
export interface Wanted {
  readonly service: string
  readonly hostname?: string | undefined
  readonly public?: boolean | undefined
  /** Milliseconds until it is taken back. */
  readonly forMs?: number | undefined
  /** ISO 8601, to the minute, as a mark has it: instead of `forMs`. */
  readonly until?: string | undefined
  /** Although the backend or the tunnel is down. */
  readonly down: boolean
  /** A rule of the tunnel that leads elsewhere is put right. */
  readonly repair?: boolean | undefined
}

export interface Meaning {
  /** As the service is called in the file. */
  readonly name: string
  readonly title: string
  readonly mark: Mark
  readonly hostname: string
  /** That it has by the file, or by its own name. */
  readonly usual: string | undefined
  /** Reachable without Access. */
  readonly public: boolean
  /** Where Access stands: the host name, or paths of it. */
  readonly guarded: readonly string[]
}

export const routesOf = ({ routes }: NetworkSettings, service: string): readonly RouteEntry[] =>
  routes.filter((route) => route.service.toLowerCase() === service.toLowerCase())

/** @throws HomelabError `conflict`, `usage`, `config`: why it is not exposed, and what to do instead */
export function meaningOf(wanted: Wanted, target: Target, settings: NetworkSettings): Meaning {
  const { name, service } = target
  if (service?.private === true)
    throw new HomelabError('conflict', `${name} is never exposed: homelab.yaml says \`private: true\`.`, {
      hint: `Take that line out of ${name} in homelab.yaml if it has changed.`,
    })
  const mark = markOf(service?.kind ?? name)
  const routes = routesOf(settings, name)
  const [first] = routes
  const usual =
    first?.hostname ??
    (settings.domain === undefined ? undefined : `${name.toLowerCase()}.${settings.domain}`)
  const typed = wanted.hostname ?? usual
  if (typed === undefined)
    throw new HomelabError('config', 'It is not known under which domain to expose it.', {
      hint: 'Set `network.domain` in homelab.yaml, or give `hostname`.',
    })
  const hostname = hostnameOf(typed, settings.domain)
  const other = settings.routes.find((route) => route.hostname === hostname)
  if (other !== undefined && other.service.toLowerCase() !== name.toLowerCase())
    throw new HomelabError('conflict', `${hostname} is the name of ${other.service} in homelab.yaml.`, {
      hint: 'Give another `hostname`, or change `network.routes`.',
    })
  const open = wanted.public ?? other?.public ?? false
  const allowed = settings.access.allow.length > 0
  const said = wanted.public === true
  if (open && !said && isPrivate(mark))
    throw new HomelabError('conflict', `${name} should not be open to everyone: ${mark.private}.`, {
      hint: `Leave it behind Access: \`tunnel expose ${name} public:false\`. If it is meant: \`public:true\`.`,
    })
  if (open && !said && mark.paths !== undefined && !allowed)
    throw new HomelabError(
      'conflict',
      `${name} should not be open to everyone below ${mark.paths.join(', ')}: ${mark.private}.`,
      {
        hint: `Say in \`network.access.allow\` of homelab.yaml who may log in, so that these paths ask for it. If it is meant: \`public:true\`.`,
      },
    )
  if (!open && !allowed)
    throw new HomelabError('config', `${name} would be behind Access, and nobody is allowed in.`, {
      hint: 'Say in `network.access.allow` of homelab.yaml who may log in, or expose it to everyone with `public:true`.',
    })
  return {
    name,
    title: service?.title ?? name,
    mark,
    hostname,
    usual,
    public: open,
    guarded: open ? (allowed ? (mark.paths ?? []).map((path) => `${hostname}${path}`) : []) : [hostname],
  }
}

/** Where the free certificate ends, what breaks behind a login, what Cloudflare does not like: said before, not after. */
export function concerns(
  { name, title, mark, public: open, guarded }: Omit<Meaning, 'hostname' | 'usual'>,
  video: string | undefined,
): readonly string[] {
  const list: string[] = []
  if (open) {
    list.push(
      mark.private === undefined
        ? `Everyone on the internet reaches ${title}: only its own login protects it.`
        : mark.paths === undefined
          ? `Everyone on the internet reaches ${title}, and ${mark.private}.`
          : guarded.length > 0
            ? `Everyone on the internet reaches ${title}, but not ${mark.paths.join(', ')}: that is behind Access.`
            : `Everyone on the internet reaches ${title}, ${mark.paths.join(', ')} too: ${mark.private}.`,
    )
  } else if (mark.behind !== undefined)
    list.push(`Behind Access ${mark.behind}. For ${name} without it: \`public:true\`.`)
  if (video !== undefined) list.push(video)
  return list
}
