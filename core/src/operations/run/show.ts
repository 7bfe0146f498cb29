import { z } from 'zod'
import type { Section } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { findRun } from './find.ts'
import { stateCell, took } from './list.ts'
import { RunRow, runInput } from './row.ts'

const active = ['queued', 'waiting', 'running']

export const runShow = defineOperation({
  id: 'run.show',
  chat: 'run show',
  title: 'Show a run',
  description: 'What was asked, how far it is or how it ended, and its log.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    run: runInput,
    lines: z.int().min(1).max(2000).default(100).describe('Lines of its log'),
  }),
  output: z.object({ run: RunRow, log: z.array(z.object({ at: z.string(), text: z.string() })) }),
  positional: ['run'],
  needs: ['runs'],
  run: async ({ run: id, lines }, { runs }) => {
    const run = await findRun(runs, id)
    return { run, log: [...(await runs.log(run.id, lines))] }
  },
  card: ({ run, log }) => {
    const cell = stateCell(run)
    const sections: Section[] = [
      {
        kind: 'fields',
        fields: [
          {
            name: 'State',
            value:
              run.waitingFor === undefined
                ? run.state
                : `waits for run ${run.waitingFor.run} (${run.waitingFor.lock})`,
          },
          { name: 'Asked by', value: run.caller.name },
          { name: 'At', value: run.createdAt },
          ...(took(run) === '' ? [] : [{ name: 'Took', value: took(run) }]),
          ...(run.error === undefined ? [] : [{ name: 'Error', value: run.error.message }]),
        ],
      },
    ]
    if (log.length > 0) {
      sections.push({
        kind: 'code',
        title: 'Log',
        text: log.map((line) => `${line.at.slice(11, 19)} ${line.text}`).join('\n'),
        keep: 'end',
      })
    }
    return {
      title: run.title,
      tone: typeof cell === 'string' ? 'neutral' : cell.tone,
      sections,
      ...(run.progress === undefined || !active.includes(run.state)
        ? {}
        : { progress: { ...run.progress } as { text: string } }),
      ...(active.includes(run.state)
        ? {
            buttons: [
              {
                label: 'Cancel',
                style: 'danger' as const,
                action: { kind: 'command' as const, text: `run cancel ${run.id}` },
              },
            ],
          }
        : {}),
      footer: `run ${run.id}`,
    }
  },
})
