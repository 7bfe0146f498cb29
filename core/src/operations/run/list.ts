import { z } from 'zod'
import type { Cell, Tone } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { duration } from '../../operation/view.ts'
import { RunRow } from './row.ts'

export const runList = defineOperation({
  id: 'run.list',
  chat: 'run list',
  title: 'List runs',
  description: 'What was started here, by whom and how it ended, newest first.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    active: z.boolean().default(false).describe('Only those that go on'),
    limit: z.int().min(1).max(100).default(15).describe('How many'),
  }),
  output: z.object({ runs: z.array(RunRow) }),
  needs: ['runs'],
  run: async ({ active, limit }, { runs }) => ({ runs: [...(await runs.list({ active, limit }))] }),
  card: ({ runs }) => ({
    title: runs.length === 0 ? 'No runs yet' : `${runs.length} runs`,
    tone: 'neutral',
    sections:
      runs.length === 0
        ? []
        : [
            {
              kind: 'table',
              columns: [
                { name: 'Run' },
                { name: 'What' },
                { name: 'Who' },
                { name: 'State' },
                { name: 'Took', align: 'right' },
              ],
              rows: runs.map((run) => [run.id, run.title, run.caller.name, stateCell(run), took(run)]),
            },
          ],
  }),
})

const tones: Record<string, Tone> = { succeeded: 'ok', failed: 'error', cancelled: 'warning' }

export const stateCell = (run: z.infer<typeof RunRow>): Cell => ({
  text: run.state,
  tone: tones[run.state] ?? 'busy',
})

export const took = ({ startedAt, finishedAt }: z.infer<typeof RunRow>): string =>
  startedAt === undefined || finishedAt === undefined
    ? ''
    : duration(Date.parse(finishedAt) - Date.parse(startedAt))
