import { readFileSync } from 'node:fs'
import { createRegistry, validateInput } from '@homelab/core'
import { parseInventory } from '@homelab/core/inventory'
import { systemClock } from '@homelab/core/node'
import { operations } from '@homelab/core/operations'
import { expect, test } from 'vitest'
import { createJobs, jobsOf } from './jobs.ts'

const example = parseInventory(
  readFileSync(new URL('../../../homelab.example.yaml', import.meta.url), 'utf8'),
)

test('the backups of the example file are jobs that can be done, in its time zone', () => {
  const said: string[] = []
  const log = { warn: (_facts: object, text: string) => void said.push(text), error: () => {} }
  const known = createJobs(() => jobsOf(example), createRegistry(operations), systemClock, log)()

  expect(known.map(({ job, problem }) => [job.id, job.title, job.cron, job.timezone, problem])).toEqual([
    ['backup/postgresql', 'PostgreSQL', '0 3 * * *', example.timezone, undefined],
    ['backup/lxc', 'LXC configs', '0 1 * * 0', example.timezone, undefined],
    ['backup/photos', 'Photos', '0 4 * * *', example.timezone, undefined],
    ['backup/nextcloud', 'Nextcloud files', '30 4 * * *', example.timezone, undefined],
  ])
  for (const { job, operation } of known)
    expect(validateInput(operation, job.command.input)).toMatchObject({
      plan: job.id.replace('backup/', ''),
    })
  expect(said).toEqual([])
})

test('without a time zone in the file, that of the machine', () => {
  const [first] = jobsOf({ backups: example.backups.map(({ timezone: _, ...plan }) => plan) })
  expect(first?.timezone).toBe(Intl.DateTimeFormat().resolvedOptions().timeZone)
})
