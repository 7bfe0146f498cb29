/** What a test does at the simulated Cloudflare behind everybody's back, and a client of it. */

import { type Clock, type Http, Secret } from '@homelab/core'
import { type Cloudflare, createCloudflare, type IngressRule } from '@homelab/core/cloudflare'
import { createHttp, systemClock } from '@homelab/core/node'
import type { Simulator } from './simulator.ts'

export interface CloudflareRecord {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly content: string
  readonly proxied: boolean
  readonly comment: string | null
}

export interface CloudflareState {
  readonly account: string
  readonly zones: readonly {
    readonly id: string
    readonly name: string
    readonly records: readonly CloudflareRecord[]
  }[]
  readonly tunnels: readonly {
    readonly id: string
    readonly version: number
    readonly config: { readonly ingress: readonly IngressRule[]; readonly [key: string]: unknown } | null
    readonly status: string
    readonly connectors: readonly string[]
  }[]
  readonly apps: readonly { readonly id: string; readonly domain: string; readonly [key: string]: unknown }[]
  /** Every write of the rules: `read` is the version that it was made from, `dropped` what it left out, `hostname path`. */
  readonly writes: readonly {
    readonly version: number
    readonly by: 'api' | 'writer'
    readonly read: number
    readonly dropped: readonly string[]
  }[]
}

/** `{ before: 'GET', nth: 2, add: rule }`; `stale`: from what it read when it was planted; `chance`: all the time, by chance. */
export interface WriterPlan {
  readonly before?: 'GET' | 'PUT'
  readonly after?: 'GET' | 'PUT'
  readonly nth?: number
  readonly times?: number
  readonly stale?: boolean
  readonly add?: IngressRule
  readonly remove?: string
  readonly change?: IngressRule
  readonly put?: Readonly<Record<string, unknown>>
  readonly chance?: number
  readonly seed?: number
}

export interface CloudflarePeer {
  state(): Promise<CloudflareState>
  /** Calls that arrived, `GET /accounts/…/configurations` and so on, without what stands before `/client/v4`. */
  calls(): Promise<Readonly<Record<string, number>>>
  writer(plan: WriterPlan): Promise<void>
  /** Posts to one of `tokens`, `zones`, `records`, `apps`, `tunnels`, `tunnel`, `access`, `connectors`. */
  post<T = unknown>(what: string, body: object): Promise<T>
}

export function cloudflarePeer({ lab, counts }: Pick<Simulator, 'lab' | 'counts'>): CloudflarePeer {
  async function control<T>(path: string, body?: object): Promise<T> {
    const response = await fetch(`${lab.control}/cloudflare${path}`, {
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    })
    const answer = (await response.json()) as T & { readonly error?: string }
    if (!response.ok) throw new Error(`${path}: ${answer.error}`)
    return answer
  }
  return {
    state: () => control<CloudflareState>(''),
    calls: async () => {
      const { requests } = await counts()
      const own = Object.entries(requests).filter(([call]) => call.includes(' /client/v4/'))
      return Object.fromEntries(own.map(([call, count]) => [call.replace('/client/v4', ''), count]))
    },
    writer: async (plan) => void (await control('/writer', plan)),
    post: (what, body) => control(`/${what}`, body),
  }
}

export interface Client extends AsyncDisposable {
  readonly cloudflare: Cloudflare
  readonly http: Http
}

/** A client of it over real HTTP. @param token default: the one that may everything */
export function cloudflareClient(
  { lab }: Pick<Simulator, 'lab'>,
  {
    token = lab.cloudflare.token,
    clock = systemClock,
  }: { readonly token?: string; readonly clock?: Clock } = {},
): Client {
  const http = createHttp()
  const { api, account } = lab.cloudflare
  return {
    cloudflare: createCloudflare({ http, clock, api, account, token: async () => new Secret(token) }),
    http,
    [Symbol.asyncDispose]: () => http.close(),
  }
}
