/** Tells the ops channel of a time in which nothing that was typed arrived. */
import { duration } from '@homelab/core'
import type { ConnectorContext } from '../chat/connector.ts'

/** Milliseconds: shorter ones nobody notices. */
const WORTH_MS = 120_000

export function outages(
  { desk, clock }: Pick<ConnectorContext, 'desk' | 'clock'>,
  opsChannels: () => readonly string[],
) {
  let began: Date | undefined
  return {
    begins(): void {
      began ??= clock.now()
    },
    over(): void {
      const since = began
      began = undefined
      const now = clock.now()
      if (since === undefined || now.getTime() - since.getTime() < WORTH_MS) return
      const card = {
        title: 'I am back in Slack',
        tone: 'warning' as const,
        text:
          `I was cut off from Slack for ${duration(now.getTime() - since.getTime())}. What was asked of me meanwhile I look ` +
          'for now; slash commands were refused by Slack itself. Runs went on.',
      }
      for (const channel of opsChannels())
        desk.tell({ surface: 'slack', channel }, `slack:back.${since.getTime()}.${channel}`, card)
    },
  }
}
