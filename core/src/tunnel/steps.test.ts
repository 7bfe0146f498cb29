/** Going back from an exposure, step by step, where what is there is not what one would expect. */
import { expect, it } from 'vitest'
import type { AccessApp, IngressRule } from '../cloudflare/types.ts'
import type { ChangeSpec, Json, Verbs } from '../operation/types.ts'
import type { Found } from './find.ts'
import { guard, route, rule, type Work } from './steps.ts'

const HOST = 'films.example.com'
const ORIGIN = 'http://192.168.1.101:80'
const ours = { name: 'homelab-jellyfin', hostname: HOST, rule: `Host(\`${HOST}\`)` }
const found = {
  hostname: HOST,
  tunnel: { id: 't', name: 'homelab', up: true },
  zone: { id: 'z', name: 'example.com' },
  front: { origin: ORIGIN, probe: ORIGIN },
  guards: [{ domain: HOST, there: null }],
  team: null,
  route: { ours, before: null, there: false, other: null },
  ruleBefore: null,
  shadowed: false,
  record: null,
} as unknown as Found

/** @param routers those that Traefik has, whatever files there are */
function working(routers: readonly string[], rules: readonly IngressRule[] = []) {
  const apps: AccessApp[] = []
  const undos = new Map<string, () => Promise<void>>()
  const verbs = {
    signal: new AbortController().signal,
    undo: (name: string, revert: () => Promise<void>) => void undos.set(name, revert),
    change: async <T extends Json>(name: string, { act, find }: ChangeSpec<T>) =>
      name === 'rule' ? await find({ since: new Date(), claimed: () => false }) : await act(),
    follow: async () => 'followed',
    report: () => {},
    log: () => {},
  } as unknown as Verbs
  const cloudflare = {
    dnsRecords: async () => [],
    accessApps: async () => apps,
    createAccessApp: async ({ name, domain }: AccessApp) => {
      apps.push({ id: '1', aud: 'a', name, domain, domains: [domain], type: 'self_hosted', policies: [] })
      return { id: '1', aud: 'a' }
    },
    deleteAccessApp: async () => void apps.splice(0),
  }
  const traefik = {
    put: async () => {},
    read: async () => undefined,
    restore: async () => {},
    routers: async () => routers.map((name) => ({ name })),
    gone: async () => {
      if (routers.length > 0) throw new Error('Traefik still has it.')
    },
  }
  const ingress = {
    kept: 'cloudflare',
    read: async () => rules,
    everywhere: async () => rules,
    alarms: () => [],
  }
  const network = { cloudflare, traefik, settings: () => ({ access: { session: '24h', allow: [] } }) }
  const work = { found, services: { network }, verbs, ingress } as unknown as Work
  return { work, apps, undo: async (name: string) => await undos.get(name)?.() }
}

it('Access goes when nothing of the exposure is left', async () => {
  const { work, apps, undo } = working([])
  await guard(work)
  await route(work)
  await undo("Traefik's route homelab-jellyfin")
  await undo(`Access to ${HOST}`)
  expect(apps).toEqual([])
})

it('Access stays before a route that Traefik still has, though its file is gone', async () => {
  const { work, apps, undo } = working(['homelab-jellyfin@file'])
  await guard(work)
  await route(work)
  await expect(undo("Traefik's route homelab-jellyfin")).rejects.toThrow('Traefik still has it')
  await expect(undo(`Access to ${HOST}`)).rejects.toThrow("Traefik's route")
  expect(apps).toHaveLength(1)
})

it('a rule to which Cloudflare has added keys is the one that was sent', async () => {
  const there = { id: '7', hostname: HOST, service: ORIGIN, originRequest: {} }
  const { work } = working([], [there, { service: 'http_status:404' }])
  expect(await rule(work, [{ id: '1', aud: 'a' }])).toEqual([])
})

it('a rule that still asks for a login is not the open one that was sent', async () => {
  const access = { required: true, teamName: 'us', audTag: ['a'] }
  const there = { hostname: HOST, service: ORIGIN, originRequest: { access } }
  const { work } = working([], [there, { service: 'http_status:404' }])
  await expect(rule(work, [{ id: '1', aud: 'a' }])).rejects.toThrow()
})
