/**
 * Somebody else who writes the rules of the tunnel: at a moment that a test names, or all the time, by chance. It reads,
 * changes and writes like everybody, and as blindly: what came between is overwritten.
 */
import { isObject, type Json, objects, string } from './json.ts'
import { keyOf } from './tunnel-config.ts'
import type { Tunnel, World } from './world.ts'

/** `{"before": "GET", "nth": 2, "add": {…}}`: the second reading of the rules since it was planted is preceded by a write. */
interface Planted {
  readonly when: 'before' | 'after'
  readonly verb: string
  nth: number
  readonly deed: Json
  /** What it read when it was planted, if it writes from that. */
  readonly stale: Json | undefined
}

export interface Write {
  readonly version: number
  readonly by: 'api' | 'writer'
  /** The version that it was made from. */
  readonly read: number
  /** Keys of rules that were there before the write and are not after it. */
  readonly dropped: readonly string[]
}

const deeds = ['add', 'remove', 'change', 'put'] as const
const rulesOf = (config: Json | null): readonly Json[] => objects(config?.ingress)

/** @throws Error when it is no deed */
function apply(deed: Json, config: Json | null): Json {
  const rules = rulesOf(config)
  const withRules = (ingress: readonly Json[]): Json => ({ ...config, ingress })
  if (isObject(deed.put)) return deed.put
  if (isObject(deed.add)) return withRules([deed.add, ...rules])
  if (typeof deed.remove === 'string')
    return withRules(rules.filter(({ hostname }) => hostname !== deed.remove))
  const { change } = deed
  if (isObject(change))
    return withRules(rules.map((rule) => (rule.hostname === change.hostname ? { ...rule, ...change } : rule)))
  throw new Error(`the other writer needs one of ${deeds.join(', ')}`)
}

export class Writer {
  readonly #world: World
  #planted: Planted[] = []
  /** Chance that it does its next step at a moment; 0: it is idle. */
  #chance = 0
  #state = 1
  #count = 0
  /** What it has read and not yet written back. */
  #held: { readonly config: Json | null; readonly version: number } | undefined
  #apiRead = 0
  writes: Write[] = []

  constructor(world: World) {
    this.#world = world
  }

  reset(): void {
    this.#planted = []
    this.#chance = 0
    this.#held = undefined
    this.#apiRead = 0
    this.#count = 0
    this.writes = []
  }

  /** @throws Error for a moment or a deed that is none */
  plant(asked: Json): void {
    if (asked.chance !== undefined) {
      this.#chance = Number(asked.chance)
      this.#state = Number(asked.seed ?? 1)
      this.#held = undefined
      return
    }
    const when = asked.before === undefined ? 'after' : 'before'
    const verb = string(asked[when])
    if (verb !== 'GET' && verb !== 'PUT') throw new Error('say `before` or `after`, and GET or PUT')
    const config = this.#world.tunnels[0]?.config ?? null
    apply(asked, config)
    const stale = asked.stale === true ? structuredClone(config ?? {}) : undefined
    for (let time = 0; time < Number(asked.times ?? 1); time += 1)
      this.#planted.push({ when, verb, nth: Number(asked.nth ?? 1) + time, deed: asked, stale })
  }

  /** Called around every reading and writing of the rules. A moment after a call is before its answer is sent. */
  at(when: 'before' | 'after', verb: string, tunnel: Tunnel): void {
    for (const planted of this.#planted) {
      if (planted.when !== when || planted.verb !== verb) continue
      planted.nth -= 1
      if (planted.nth !== 0) continue
      // `after: GET` was read by who asked: the answer is already made.
      this.#write(tunnel, apply(planted.deed, planted.stale ?? tunnel.config), tunnel.version)
    }
    this.#planted = this.#planted.filter(({ nth }) => nth > 0)
    if (this.#chance > 0 && this.#random() < this.#chance) this.#step(tunnel)
  }

  #step(tunnel: Tunnel): void {
    if (this.#held === undefined) {
      this.#held = { config: structuredClone(tunnel.config), version: tunnel.version }
      return
    }
    this.#count += 1
    const hostname = `other-${this.#count}.${this.#world.domain}`
    const rule = { hostname, service: 'http://192.168.1.250:8080' }
    // It keeps a handful, so that the document does not grow without end.
    const old = `other-${this.#count - 5}.${this.#world.domain}`
    const config = apply({ remove: old }, this.#held.config)
    const { version } = this.#held
    this.#held = undefined
    this.#write(tunnel, apply({ add: rule }, config), version)
  }

  #write(tunnel: Tunnel, config: Json, read: number): void {
    this.write(tunnel, config, 'writer', read)
  }

  noteRead(tunnel: Tunnel): void {
    this.#apiRead = tunnel.version
  }

  /** Replaces the whole document, as a PUT does, and counts. */
  write(tunnel: Tunnel, config: Json, by: Write['by'], read = this.#apiRead): void {
    const kept = new Set(rulesOf(config).map(keyOf))
    const dropped = rulesOf(tunnel.config)
      .map(keyOf)
      .filter((key) => !kept.has(key))
    tunnel.config = config
    tunnel.version += 1
    tunnel.source = 'cloudflare'
    tunnel.configuredAt = this.#world.now()
    this.writes.push({ version: tunnel.version, by, read, dropped })
  }

  /** 0 to 1 (mulberry32), of its own seed. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
