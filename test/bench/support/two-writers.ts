/** Two writers on the rules of one tunnel: ours, and one that reads, changes and writes by chance. Counts what got lost, and who noticed. */
import { isHomelabError } from '@homelab/core'
import {
  type Cloudflare,
  editIngress,
  hostnameOf,
  type IngressRule,
  ruleKey,
  ruleOf,
  withoutRule,
  withRule,
} from '@homelab/core/cloudflare'
import { systemClock } from '@homelab/core/node'
import { cloudflareClient, cloudflarePeer } from '../../support/cloudflare.ts'
import type { Simulator } from '../../support/simulator.ts'

export interface TwoWriters {
  readonly edits: number
  /** Edits that gave up because the rules never stood still, and wrote nothing. */
  readonly gaveUp: number
  /** Writes of theirs that one of ours replaced, as the server counted them. */
  readonly overwritten: number
  /** Of those, how many no alarm told of. */
  readonly overwrittenUnsaid: number
  /** Rules that one of our looks saw and our write left out, unsaid. */
  readonly dropped: number
  /** Times that a rule of ours was lost by a write of theirs. */
  readonly oursLost: number
  /** Edits that said all is well while one of our rules was not there. */
  readonly oursLostUnsaid: number
  /** Told in the same edit, by an error or an alarm; the others are seen by the next look. */
  readonly toldAtOnce: number
  readonly seenNext: number
  /** Their writes. */
  readonly theirs: number
  readonly calls: number
  /** Milliseconds of each edit. */
  readonly times: readonly number[]
}

/** Rules of ours that are there at the same time; each edit adds one and takes the oldest out. */
const KEPT = 10

export interface TwoWritersOptions {
  readonly edits: number
  /** That the other one does its next step, at each of the moments around our calls. */
  readonly chance: number
  readonly seed: number
}

export async function twoWriters(
  simulator: Simulator,
  { edits, chance, seed }: TwoWritersOptions,
): Promise<TwoWriters> {
  await simulator.reset()
  await simulator.fault({ cloudflareQuota: 1_000_000 })
  const { tunnel, domain } = simulator.lab.cloudflare
  const peer = cloudflarePeer(simulator)
  await using client = cloudflareClient(simulator)
  const host = (n: number): string => `ours-${n}.${domain}`
  const isOurs = (rule: IngressRule): boolean => hostnameOf(rule).startsWith('ours-')

  /** What the looks of one edit saw, until its write. */
  let seen = new Map<string, IngressRule>()
  let dropped: IngressRule[] = []
  let wrote = false
  const watched: Pick<Cloudflare, 'configuration' | 'putConfiguration'> = {
    async configuration(id, signal) {
      const found = await client.cloudflare.configuration(id, signal)
      if (!wrote) for (const rule of found.rules) seen.set(ruleKey(rule), rule)
      return found
    },
    putConfiguration(id, raw, signal) {
      wrote = true
      const sent = new Set((raw.ingress as readonly IngressRule[]).map(ruleKey))
      dropped = [...seen.values()].filter((rule) => !sent.has(ruleKey(rule)) && !isOurs(rule))
      return client.cloudflare.putConfiguration(id, raw, signal)
    },
  }

  await peer.writer({ chance, seed })
  let mine: number[] = []
  /** Of each write of ours, in order: the overwritten writes that were told. */
  const told: number[] = []
  const times: number[] = []
  const counts = { gaveUp: 0, dropped: 0, oursLostUnsaid: 0, toldAtOnce: 0, seenNext: 0 }
  /** Those that an edit has put there; the newest is not yet. */
  let settled: number[] = []

  for (let n = 0; n < edits; n += 1) {
    mine = [...mine, n].slice(-KEPT)
    const wanted = mine
    const before = settled
    let looks = 0
    seen = new Map()
    wrote = false
    dropped = []
    const edit = (rules: readonly IngressRule[]): readonly IngressRule[] => {
      looks += 1
      if (looks === 1)
        counts.seenNext += before.filter((each) => ruleOf(rules, host(each)) === undefined).length
      const strangers = rules.filter(
        (rule) => isOurs(rule) && !wanted.some((each) => host(each) === hostnameOf(rule)),
      )
      const without = strangers.reduce((left, rule) => withoutRule(left, hostnameOf(rule)), rules)
      return wanted.reduce(
        (list, each) => withRule(list, { hostname: host(each), service: 'http://192.168.1.101:80' }).rules,
        without,
      )
    }
    const began = performance.now()
    try {
      const edited = await editIngress({ cloudflare: watched, tunnel, clock: systemClock, edit })
      const missing = wanted.filter((each) => ruleOf(edited.rules, host(each)) === undefined)
      if (edited.alarm === undefined) counts.oursLostUnsaid += missing.length
      else counts.toldAtOnce += 1
      const named = new Set((edited.alarm?.lost ?? []).map(ruleKey))
      counts.dropped += dropped.filter((rule) => !named.has(ruleKey(rule))).length
      if (edited.changed) told.push(edited.alarm?.overwritten ?? 0)
      settled = wanted.filter((each) => !missing.includes(each))
    } catch (error) {
      if (!isHomelabError(error) || error.code !== 'conflict') throw error
      if (error.data?.written === undefined) counts.gaveUp += 1
      else {
        const alarm = error.data.alarm as { readonly overwritten: number } | null
        told.push(alarm?.overwritten ?? 0)
        counts.toldAtOnce += 1
      }
      // What is there now is for the next edit to see.
      const { rules } = await client.cloudflare.configuration(tunnel)
      settled = wanted.filter((each) => ruleOf(rules, host(each)) !== undefined)
    }
    times.push(performance.now() - began)
  }
  await peer.writer({ chance: 0 })
  const { writes } = await peer.state()
  const ours = writes.filter(({ by }) => by === 'api')
  if (ours.length !== told.length) throw new Error(`${ours.length} writes arrived, ${told.length} were sent`)
  const truth = ours.map(({ version, read }) => version - 1 - read)
  const theirs = writes.filter(({ by }) => by === 'writer')
  const calls = Object.values(await peer.calls()).reduce((sum, count) => sum + count, 0)
  return {
    edits,
    ...counts,
    overwritten: truth.reduce((sum, count) => sum + count, 0),
    overwrittenUnsaid: truth.filter((count, index) => count !== told[index]).length,
    oursLost: theirs.flatMap((write) => write.dropped).filter((key) => key.startsWith('ours-')).length,
    theirs: theirs.length,
    calls,
    times,
  }
}

/** As most tools do it: read, change, write. How many writes of theirs it replaced, none of them said. */
export async function blindWriter(
  simulator: Simulator,
  { edits, chance, seed }: TwoWritersOptions,
): Promise<number> {
  await simulator.reset()
  await simulator.fault({ cloudflareQuota: 1_000_000 })
  const { tunnel, domain } = simulator.lab.cloudflare
  const peer = cloudflarePeer(simulator)
  await using client = cloudflareClient(simulator)
  await peer.writer({ chance, seed })
  for (let n = 0; n < edits; n += 1) {
    const { raw, rules } = await client.cloudflare.configuration(tunnel)
    const without = withoutRule(rules, `ours-${n - KEPT}.${domain}`)
    const rule = { hostname: `ours-${n}.${domain}`, service: 'http://192.168.1.101:80' }
    await client.cloudflare.putConfiguration(tunnel, { ...raw, ingress: withRule(without, rule).rules })
  }
  const { writes } = await peer.state()
  return writes
    .filter(({ by }) => by === 'api')
    .reduce((sum, { version, read }) => sum + version - 1 - read, 0)
}
