/** Traefik as core sees it: its read-only API, and the place its dynamic configuration comes from (a directory, or our own document). */

/** One host name to one backend: what homelab writes. */
export interface TraefikRoute {
  /** Of router and service, and of the file: `homelab-jellyfin`. */
  readonly name: string
  /** As Traefik gives it back: ``Host(`jellyfin.example.org`)``. */
  readonly rule: string
  readonly hostname: string
  /** Where the backend is, as `http://192.168.1.111:8096`. */
  readonly service: string
  /** Empty: all that Traefik takes by default. */
  readonly entryPoints: readonly string[]
  /** With their provider when it is another one: `auth@file`. */
  readonly middlewares: readonly string[]
  /** The backend speaks https with a certificate that nobody signed: it is not verified. */
  readonly insecureBackend?: boolean
}

export interface RouterView {
  /** `homelab-jellyfin@file` */
  readonly name: string
  readonly provider: string
  readonly rule: string
  readonly status: 'enabled' | 'disabled' | 'warning'
  /** Traefik's own words. */
  readonly errors: readonly string[]
  readonly entryPoints: readonly string[]
  /** As the router names it: without `@…` it is of the router's own provider. */
  readonly service: string
  readonly middlewares: readonly string[]
  readonly tls: boolean
  /** Out of the rule, in lower case; a pattern is given as `HostRegexp(…)`. */
  readonly hostnames: readonly string[]
}

export interface ServiceView {
  /** `homelab-jellyfin@file` */
  readonly name: string
  readonly provider: string
  readonly status: 'enabled' | 'disabled' | 'warning'
  /** `UP` is what Traefik believes as long as it has no health check of its own for the service: it proves nothing. */
  readonly servers: readonly { readonly url: string; readonly status?: 'UP' | 'DOWN' }[]
  readonly errors: readonly string[]
}

export interface EntryPointView {
  readonly name: string
  /** `:80` */
  readonly address: string
}

export interface MiddlewareView {
  /** `auth@file` */
  readonly name: string
  readonly provider: string
  readonly type: string
  readonly status: 'enabled' | 'disabled' | 'warning'
  readonly errors: readonly string[]
}

/** One file of the directory that Traefik reads, or the one document that it polls. */
export interface RouteFile {
  /** Without its ending: `homelab-jellyfin`. */
  readonly name: string
  readonly path: string
  readonly text: string
  /** When it holds one route in the form that homelab writes. */
  readonly route?: TraefikRoute
  /** Host names of all its routers, in lower case; a pattern is given as `HostRegexp(…)`. */
  readonly hostnames: readonly string[]
  /** Names of its routers, as it has them. */
  readonly routers: readonly string[]
  /** Its first line says that homelab made it. */
  readonly ours: boolean
  /** What is wrong with it, or why it was not looked into (TOML, a template), in words for people. */
  readonly problem?: string
  /** Because of it Traefik discards every reload, of the whole directory: only its log tells. */
  readonly freezes?: boolean
}

/** Where homelab puts routes, for Traefik to find them there. */
export interface RoutePlace {
  /** The provider of Traefik's that reads it: its names end with `@file` or `@http`. */
  readonly provider: 'file' | 'http'
  files(signal?: AbortSignal): Promise<readonly RouteFile[]>
  read(name: string, signal?: AbortSignal): Promise<string | undefined>
  put(route: TraefikRoute, signal?: AbortSignal): Promise<void>
  remove(name: string, signal?: AbortSignal): Promise<void>
  restore(name: string, text: string | undefined, signal?: AbortSignal): Promise<void>
}

/** Where the document for Traefik's HTTP provider is kept. */
export interface Documents {
  /** The routes in it, by name. From memory. */
  routes(): readonly TraefikRoute[]
  /** Replaces them all. When it resolves, a restart has them. */
  save(routes: readonly TraefikRoute[]): Promise<void>
}

export interface Traefik {
  /** @throws HomelabError `unreachable`, `config` when what answers is no Traefik API */
  routers(signal?: AbortSignal): Promise<readonly RouterView[]>
  services(signal?: AbortSignal): Promise<readonly ServiceView[]>
  entryPoints(signal?: AbortSignal): Promise<readonly EntryPointView[]>
  middlewares(signal?: AbortSignal): Promise<readonly MiddlewareView[]>
  /** `3.3.4` */
  version(signal?: AbortSignal): Promise<string>
  /** The whole directory, also what a person left there; invalid ones have a `problem`. */
  files(signal?: AbortSignal): Promise<readonly RouteFile[]>
  /** What a route of this name holds now; undefined: there is none. */
  read(name: string, signal?: AbortSignal): Promise<string | undefined>
  /**
   * Writes the route, whole or not at all. Again with the same route it changes nothing.
   * @throws HomelabError `usage` for a name or host that cannot be written, `conflict` for a file that is not ours and
   * while another file freezes Traefik, naming it
   */
  put(route: TraefikRoute, signal?: AbortSignal): Promise<void>
  /**
   * Until Traefik has the route, as its API shows it.
   * @throws HomelabError `failed` with Traefik's own errors, or `timeout` when it has not taken it after 10 s
   */
  wait(route: TraefikRoute, signal?: AbortSignal): Promise<RouterView>
  /**
   * Until Traefik has no such route any more.
   * @throws HomelabError `timeout` when it still has it after 10 s
   */
  gone(name: string, signal?: AbortSignal): Promise<void>
  /** Takes our route away; nothing when it is gone already. @throws HomelabError `conflict` when it is not ours */
  remove(name: string, signal?: AbortSignal): Promise<void>
  /** Puts back what `read` gave before: the same text, or nothing. */
  restore(name: string, text: string | undefined, signal?: AbortSignal): Promise<void>
}
