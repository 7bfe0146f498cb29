/** From the message of a source to the card in the channel: with nobody else there, as at three in the morning. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChatLab, openChatLab } from '../faults/support/chat-lab.ts'
import { alertSender } from '../support/alert-sender.ts'
import type { Bench, Row } from './support/row.ts'
import { median, percentile } from './support/stats.ts'

const SECRET = 'secret-of-the-sources-001'
const ALERTS = 40
/** More than ten new problems in a minute are a flood, which is one card. */
const EVERY_MS = 6_200
/** Milliseconds from the POST to the message, on the slower of the two: the issue's own figure. */
const MOST_MS = 300

const titleOf = (index: number): string => `Problem ${String(index).padStart(3, '0')}.`

export const alerts: Bench = {
  name: 'alerts',
  title: 'From a source to the channel',
  async run() {
    await using lab = await openChatLab({
      ops: true,
      discord: { keep: 500 },
      slack: { keep: 500 },
      more: () => 'alerts: { sources: { monitor: { kind: generic, secret: env:ALERTS } } }\n',
    })
    await using bot = await lab.start({ env: { ALERTS: SECRET } })
    using sender = alertSender(`${bot.url}/alerts/monitor`, SECRET, 2)
    const sentAt: number[] = []
    const answers: number[] = []
    for (let index = -1; index < ALERTS; index += 1) {
      // The first one pays for what is made at the first use; it is not counted.
      const at = Date.now()
      const answer = await sender.send(
        JSON.stringify({
          name: `Rule${index}`,
          title: titleOf(index),
          severity: 'warning',
          text: 'It is bad.',
        }),
      )
      if (answer?.status !== 200) throw new Error(`the intake answered ${answer?.status}`)
      if (index >= 0) {
        sentAt.push(at)
        answers.push(answer.ms)
      }
      await sleep(EVERY_MS)
    }
    const shown = await shownIn(lab)
    const late = (platform: 'discord' | 'slack') =>
      sentAt.map((at, index) => (shown[platform].get(titleOf(index)) ?? Number.NaN) - at)
    const [discord, slack] = [late('discord'), late('slack')]
    return [
      ...rows('Discord', discord),
      ...rows('Slack', slack),
      { what: 'answer to the source, p99', value: percentile(answers, 0.99), unit: 'ms' },
    ]
  },
}

const rows = (platform: string, late: readonly number[]): readonly Row[] => {
  const missing = late.filter(Number.isNaN).length
  const seen = late.filter((ms) => !Number.isNaN(ms))
  return [
    { what: `${platform}: from the source's message to the card, p50`, value: median(seen), unit: 'ms' },
    {
      what: `${platform}: from the source's message to the card, p99`,
      value: percentile(seen, 0.99),
      unit: 'ms',
      atMost: { value: MOST_MS },
    },
    { what: `${platform}: alerts without a card`, value: missing, unit: 'alerts', atMost: { value: 0 } },
  ]
}

/** When each message was made, by the platform's clock, which is that of this machine. */
async function shownIn({ discord, slack }: ChatLab) {
  const titled = (text: string): string => /Problem \d{3}\./.exec(text)?.[0] ?? ''
  const there = await discord.read('ops')
  const here = await slack.read('ops')
  return {
    discord: new Map(there.map(({ text, createdAt }) => [titled(text), createdAt])),
    slack: new Map(here.map(({ visible, ts }) => [titled(visible), Number(ts) * 1000])),
  }
}
