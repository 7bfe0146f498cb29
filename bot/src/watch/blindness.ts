/** What cannot be looked at for long is told once: whoever hears nothing must be able to trust that nothing is wrong. */
import { type Card, type Clock, errorData, type Json } from '@homelab/core'
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'
import type { Tell } from '../incidents/tell.ts'
import type { Finding } from '../incidents/types.ts'
import { clockTime } from './words.ts'

/** ISO 8601: since when; and whether it is told. */
export const Blind = z.object({ since: z.string(), told: z.boolean() })
type Blind = z.infer<typeof Blind>

/** Before that it is a hiccup of somebody else's. */
const BLIND_MS = 2 * 3_600_000
const ID = 'watch-exposures-blind'

export function createBlindness({
  facts,
  clock,
  tell,
  before,
}: {
  readonly facts: FactStore
  readonly clock: Clock
  readonly tell: Tell
  readonly before: Blind | undefined
}) {
  let blind: Blind | undefined = before

  const keep = async (next: Blind | undefined): Promise<void> => {
    blind = next
    await facts.set('watch.blind', (next ?? null) as Json)
  }
  const finding = (state: Finding['state'], card: Card, since: string): Finding => ({
    key: 'exposures',
    state,
    severity: 'warning',
    kind: 'blind',
    title: card.title,
    about: {},
    since,
    card,
  })

  return {
    async fails(error: unknown): Promise<void> {
      const now = clock.now()
      const { since, told } = blind ?? { since: now.toISOString(), told: false }
      if (told || now.getTime() - Date.parse(since) < BLIND_MS) {
        if (blind === undefined) await keep({ since, told })
        return
      }
      const { message, hint } = errorData(error)
      const card: Card = {
        title: 'What is exposed cannot be looked at',
        tone: 'warning',
        text: [`Since ${clockTime(since, now)} UTC nobody would hear of a drift.`, message, hint]
          .filter((part) => part !== undefined)
          .join(' '),
        buttons: [{ label: 'Try it', action: { kind: 'command', text: 'tunnel drift' } }],
      }
      // Told before it is kept: told twice it is the same card.
      tell(ID, card, 'live', finding('firing', card, since))
      await keep({ since, told: true })
    },
    async sees(): Promise<void> {
      if (blind === undefined) return
      const { since, told } = blind
      if (told) {
        const card: Card = { title: 'What is exposed can be looked at again', tone: 'ok' }
        tell(ID, card, 'done', finding('resolved', card, since))
      }
      await keep(undefined)
    },
  }
}
