/**
 * Two of our own on the rules of one tunnel at the same time, without the lock that each of them has for itself. Left alone
 * they met in one or two of a hundred edits: here every second one waits for the other before it writes.
 */
import { isHomelabError } from '@homelab/core'
import {
  type Cloudflare,
  editIngress,
  type IngressAlarm,
  type IngressRule,
  ruleOf,
  withoutRule,
  withRule,
} from '@homelab/core/cloudflare'
import { systemClock } from '@homelab/core/node'
import { type Client, cloudflareClient } from '../../support/cloudflare.ts'
import type { Simulator } from '../../support/simulator.ts'

export interface TwoClients {
  readonly edits: number
  readonly gaveUp: number
  /** Edits that were told that theirs did not stay. */
  readonly refused: number
  /** Writes that the other one's replaced, by the alarms. */
  readonly overwritten: number
  /** Rules that an edit saw in place and that were gone later. */
  readonly lost: number
  /** Of those, how many no alarm of either explains. */
  readonly lostUnsaid: number
}

/** Rules that each of them keeps. */
const KEPT = 10

/** Where the two wait for each other. */
class Meeting {
  #waiting: (() => void) | undefined
  #over = false

  async arrive(): Promise<void> {
    if (this.#over) return
    const other = this.#waiting
    if (other !== undefined) {
      this.#waiting = undefined
      return other()
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting = resolve
    await promise
  }

  /** Nobody comes any more. */
  end(): void {
    this.#over = true
    this.#waiting?.()
  }
}

/** A rule that was in place with the version `written`, and is gone. */
interface Loss {
  readonly written: number
}

async function oneClient(
  simulator: Simulator,
  { cloudflare }: Client,
  meeting: Meeting,
  name: string,
  edits: number,
) {
  const { tunnel, domain } = simulator.lab.cloudflare
  const host = (n: number): string => `${name}-${n}.${domain}`
  let written = 0
  let current = 0
  const noting: Pick<Cloudflare, 'configuration' | 'putConfiguration'> = {
    configuration: cloudflare.configuration,
    async putConfiguration(id, raw, signal) {
      if (current % 2 === 0) await meeting.arrive()
      const answer = await cloudflare.putConfiguration(id, raw, signal)
      written = answer.version
      return answer
    },
  }
  const alarms: IngressAlarm[] = []
  const losses: Loss[] = []
  /** What was seen in place, with the version that it was last written as. */
  const settled = new Map<number, number>()
  let gaveUp = 0
  let refused = 0

  const missing = (rules: readonly IngressRule[]): void => {
    for (const [n, version] of settled) {
      if (ruleOf(rules, host(n)) !== undefined) continue
      settled.delete(n)
      losses.push({ written: version })
    }
  }
  for (let n = 0; n < edits; n += 1) {
    current = n
    const edit = (rules: readonly IngressRule[]): readonly IngressRule[] => {
      missing(rules)
      const without = withoutRule(rules, host(n - KEPT))
      return withRule(without, { hostname: host(n), service: 'http://192.168.1.101:80' }).rules
    }
    // What this edit takes out is nobody's loss.
    settled.delete(n - KEPT)
    try {
      const { alarm, rules } = await editIngress({ cloudflare: noting, tunnel, clock: systemClock, edit })
      if (alarm !== undefined) alarms.push(alarm)
      missing(rules)
      // All of ours that are there were in the document that was just written.
      for (const each of [...settled.keys(), n]) settled.set(each, written)
    } catch (error) {
      if (!isHomelabError(error) || error.code !== 'conflict') throw error
      const alarm = error.data?.alarm as IngressAlarm | null | undefined
      if (alarm) alarms.push(alarm)
      if (error.data?.written === undefined) gaveUp += 1
      else refused += 1
    }
  }
  return {
    alarms,
    losses,
    gaveUp,
    refused,
    look: async () => missing((await cloudflare.configuration(tunnel)).rules),
  }
}

export async function twoClients(simulator: Simulator, edits: number): Promise<TwoClients> {
  await simulator.reset()
  await simulator.fault({ cloudflareQuota: 1_000_000 })
  await using one = cloudflareClient(simulator)
  await using two = cloudflareClient(simulator)
  const meeting = new Meeting()
  const both = await Promise.all([
    oneClient(simulator, one, meeting, 'one', edits / 2),
    oneClient(simulator, two, meeting, 'two', edits / 2),
  ])
  // Who ended first does not know what the other one did afterwards.
  for (const { look } of both) await look()
  const alarms = both.flatMap((each) => each.alarms)
  const losses = both.flatMap((each) => each.losses)
  const said = ({ written }: Loss): boolean =>
    alarms.some(({ read, found }) => read < written && written < found)
  return {
    edits,
    gaveUp: both.reduce((sum, each) => sum + each.gaveUp, 0),
    refused: both.reduce((sum, each) => sum + each.refused, 0),
    overwritten: alarms.reduce((sum, alarm) => sum + alarm.overwritten, 0),
    lost: losses.length,
    lostUnsaid: losses.filter((loss) => !said(loss)).length,
  }
}
