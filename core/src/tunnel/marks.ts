/** What the catalogue says of a service that is about to be exposed: who is private by nature, and who streams video. */
import { knownService } from '../health/catalogue.ts'

export interface Mark {
  /** Why it should not be reachable by everyone. */
  readonly private?: string
  /** Only below these of its paths; the rest may be open. */
  readonly paths?: readonly string[]
  /** It speaks no HTTP, so there is nothing to expose. */
  readonly notHttp?: true
  /** `heavy`: its purpose is video, which the terms of Cloudflare's CDN do not cover; `some`: among other things. */
  readonly video?: 'heavy' | 'some'
  /** What no longer works behind a login page. */
  readonly behind?: string
}

const servarr = 'it can delete the library, and its settings hold the keys of what it downloads from'

const apps = 'its apps for phones and desktops cannot pass the login page'

const marks: Readonly<Record<string, Mark>> = {
  proxmox: { private: 'whoever gets in owns every guest and disk' },
  traefik: { private: 'its dashboard shows every route and address of the lab' },
  cloudflared: { private: 'it is the way in itself, and serves no page', notHttp: true },
  postgresql: { private: 'it is a database', notHttp: true },
  redis: { private: 'it is a database, and asks for no password by default', notHttp: true },
  prometheus: { private: 'it asks for no login, and knows every machine of the lab' },
  grafana: {
    private: 'its data sources reach into the lab, and it has had holes that read files without a login',
  },
  radarr: { private: servarr },
  sonarr: { private: servarr },
  prowlarr: { private: servarr },
  lidarr: { private: servarr },
  readarr: { private: servarr },
  bazarr: { private: servarr },
  qbittorrent: { private: 'its settings can run any program on its guest' },
  n8n: {
    private: 'its editor runs code, and holds the keys of everything that it talks to',
    behind: 'webhooks from outside do not get through',
  },
  vaultwarden: { private: 'its admin page changes every account', paths: ['/admin'], behind: apps },
  plex: { video: 'heavy', behind: apps },
  jellyfin: { video: 'heavy', behind: apps },
  emby: { video: 'heavy', behind: apps },
  immich: { video: 'some', behind: apps },
  nextcloud: { behind: apps },
}

const others: Readonly<Record<string, string>> = { pve: 'proxmox', pbs: 'proxmox' }

/** @param kind key of the catalogue, or what the service is called */
export function markOf(kind: string): Mark {
  const wanted = kind.toLowerCase()
  const known = knownService(wanted)?.name ?? others[wanted] ?? wanted
  return marks[known] ?? {}
}

/** Private as a whole, not only in some of its paths. */
export const isPrivate = (mark: Mark): boolean => mark.private !== undefined && mark.paths === undefined

/** Since 2023 the terms of the CDN leave out serving video, unless it is bought for that (Stream, R2, Enterprise). */
export function videoWarning(title: string, { video }: Mark): string | undefined {
  if (video === undefined) return undefined
  return video === 'heavy'
    ? `${title} streams video, and Cloudflare's terms do not cover video through its CDN on plans that are not for it: Cloudflare may slow it down or stop it.`
    : `${title} also plays video, which Cloudflare's terms do not cover on plans that are not for it; photos are no trouble.`
}

/** Whether a service is one that people could want outside. @param kind key of the catalogue, or its name */
export function exposable(kind: string, port: number | undefined): boolean {
  const mark = markOf(kind)
  return !isPrivate(mark) && mark.notHttp !== true && (port ?? knownService(kind)?.port) !== undefined
}
