/** The network as operations get it: reads of Cloudflare that a plan and its run share, so that one exposure costs few calls. */
import type { Cloudflare, Tunnel } from '../cloudflare/types.ts'
import type { Clock } from '../ports.ts'
import type { Network } from './types.ts'

/** Milliseconds for which what anybody can change is remembered: between a plan and its run, no longer. */
const SHORT_MS = 10_000
/**
 * A tunnel that is connected, and the login page's name: they change rarely, and nothing stands or falls by them. A tunnel
 * that went down meanwhile is met by the try from outside.
 */
const LONG_MS = 300_000

export interface NetworkParts extends Omit<Network, 'recent'> {
  readonly clock: Pick<Clock, 'monotonic'>
}

export function createNetwork({ clock, ...parts }: NetworkParts): Network {
  const { cloudflare } = parts
  const memory = createMemory(clock)
  const written = async <T>(kind: Kind, work: () => Promise<T>): Promise<T> => {
    memory.drop(kind)
    try {
      return await work()
    } finally {
      // A read that was under way may have been answered before the write.
      memory.drop(kind)
    }
  }
  const fresh: Cloudflare = {
    ...cloudflare,
    tunnels: (signal) => memory.keep('tunnel', 'all', () => cloudflare.tunnels(signal)),
    tunnel: (id, signal) => memory.keep('tunnel', id, () => cloudflare.tunnel(id, signal)),
    configuration: (id, signal) => memory.keep('rules', id, () => cloudflare.configuration(id, signal)),
    dnsRecords: (zone, filter, signal) =>
      memory.keep('dns', dnsKey(zone, filter), () => cloudflare.dnsRecords(zone, filter, signal)),
    accessApps: (signal) => memory.keep('access', 'apps', () => cloudflare.accessApps(signal)),
    accessTeam: (signal) => memory.keep('team', 'name', () => cloudflare.accessTeam(signal)),
    putConfiguration: (...args) => written('rules', () => cloudflare.putConfiguration(...args)),
    createDns: (...args) => written('dns', () => cloudflare.createDns(...args)),
    updateDns: (...args) => written('dns', () => cloudflare.updateDns(...args)),
    deleteDns: (...args) => written('dns', () => cloudflare.deleteDns(...args)),
    createAccessApp: (...args) => written('access', () => cloudflare.createAccessApp(...args)),
    deleteAccessApp: (...args) => written('access', () => cloudflare.deleteAccessApp(...args)),
    setTunnelSecret: (...args) => written('tunnel', () => cloudflare.setTunnelSecret(...args)),
    dropConnections: (...args) => written('tunnel', () => cloudflare.dropConnections(...args)),
  }
  const recent: Cloudflare = {
    ...fresh,
    tunnels: async (signal) => memory.get('tunnel', 'all', SHORT_MS) ?? (await fresh.tunnels(signal)),
    async tunnel(id, signal) {
      const known = memory.get<Tunnel>('tunnel', id, LONG_MS)
      const still = known?.status === 'healthy' ? known : memory.get<Tunnel>('tunnel', id, SHORT_MS)
      return still ?? (await fresh.tunnel(id, signal))
    },
    configuration: async (id, signal) =>
      memory.get('rules', id, SHORT_MS) ?? (await fresh.configuration(id, signal)),
    dnsRecords: async (zone, filter, signal) =>
      memory.get('dns', dnsKey(zone, filter), SHORT_MS) ?? (await fresh.dnsRecords(zone, filter, signal)),
    accessApps: async (signal) => memory.get('access', 'apps', SHORT_MS) ?? (await fresh.accessApps(signal)),
    accessTeam: async (signal) => memory.get('team', 'name', LONG_MS) ?? (await fresh.accessTeam(signal)),
  }
  return { ...parts, cloudflare: fresh, recent }
}

const dnsKey = (zone: string, filter: object | undefined): string => JSON.stringify([zone, filter ?? {}])

type Kind = 'tunnel' | 'rules' | 'dns' | 'access' | 'team'

function createMemory(clock: Pick<Clock, 'monotonic'>) {
  const known = new Map<Kind, Map<string, { readonly value: unknown; readonly at: number }>>()
  /** Counts the writes: what was asked for before one is not kept after it. */
  const drops = new Map<Kind, number>()
  return {
    drop(kind: Kind) {
      drops.set(kind, (drops.get(kind) ?? 0) + 1)
      known.delete(kind)
    },
    async keep<T>(kind: Kind, key: string, read: () => Promise<T>): Promise<T> {
      const before = drops.get(kind)
      const value = await read()
      if (drops.get(kind) !== before) return value
      const all = known.get(kind) ?? new Map<string, { value: unknown; at: number }>()
      known.set(kind, all.set(key, { value, at: clock.monotonic() }))
      return value
    },
    get<T>(kind: Kind, key: string, maxMs: number): T | undefined {
      const entry = known.get(kind)?.get(key)
      return entry === undefined || clock.monotonic() - entry.at > maxMs ? undefined : (entry.value as T)
    },
  }
}
