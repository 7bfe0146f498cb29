/** What sources of alerts told, and what became of it. */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { IntakeCounts } from './types.ts'

const outcomes = ['accepted', 'refused', 'malformed', 'failed'] as const

export function measureIntake(registers: Registry[], counts: () => IntakeCounts): void {
  // What was shown to no source of the file is counted as one.
  const shown = (source: string) => (source === '' ? 'unknown' : source)
  new Counter({
    name: 'homelab_intake_messages_total',
    help: 'Messages of sources of alerts since the start, by what became of them.',
    labelNames: ['source', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const [source, count] of counts())
        for (const outcome of outcomes) this.inc({ source: shown(source), outcome }, count[outcome])
    },
  })
  new Gauge({
    name: 'homelab_intake_last_message_timestamp_seconds',
    help: 'When a source was last understood.',
    labelNames: ['source'],
    registers,
    collect() {
      this.reset()
      for (const [source, { lastAt }] of counts())
        if (lastAt !== undefined) this.set({ source: shown(source) }, Date.parse(lastAt) / 1000)
    },
  })
}
