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
    ['verify/b2', 'Read a part of Backblaze B2', '0 6 * * 0', example.timezone, undefined],
    ['prune/postgresql', 'Prune PostgreSQL', '30 6 * * 0', example.timezone, undefined],
    ['prune/lxc', 'Prune LXC configs', '0 7 * * 0', example.timezone, undefined],
    ['prune/photos', 'Prune Photos', '30 7 * * 0', example.timezone, undefined],
    ['prune/nextcloud', 'Prune Nextcloud files', '0 8 * * 0', example.timezone, undefined],
    ['drill/postgresql', 'Drill of PostgreSQL', '0 12 1 * *', example.timezone, undefined],
    ['drill/lxc', 'Drill of LXC configs', '0 12 * * 3', example.timezone, undefined],
    ['drill/photos', 'Drill of Photos', '0 12 2 * *', example.timezone, undefined],
    ['drill/lxc/b2', 'Drill of LXC configs in Backblaze B2', '0 14 3 * *', example.timezone, undefined],
    ['digest/morning', 'What happened, and what waits', '0 8 * * *', example.timezone, undefined],
  ])
  for (const { job, operation } of known.filter(({ job }) => /^(?:backup|prune)\//.test(job.id)))
    expect(validateInput(operation, job.command.input)).toMatchObject({
      plan: job.id.replace(/^.*\//, ''),
    })
  expect(said).toEqual([])
})

test('without a time zone in the file, that of the machine', () => {
  const [first] = jobsOf({ backups: example.backups.map(({ timezone: _, ...plan }) => plan) })
  expect(first?.timezone).toBe(Intl.DateTimeFormat().resolvedOptions().timeZone)
})

const plans = (text: string) =>
  jobsOf(
    parseInventory(`
timezone: Europe/London
repositories:
  b2: { title: Backblaze, restic: 's3:x/y', password: env:B2 }
  usb: { restic: /mnt/usb, password: env:USB }
  local: { storage: local }
${text}`),
  )

test('a repository is verified once, as often as the most impatient of its plans says; drills are per plan', () => {
  const jobs = plans(`
backups:
  photos: { method: restic, node: pve, paths: [/p], to: [b2, usb], schedule: daily, verify: { schedule: monthly } }
  files: { method: restic, node: pve, paths: [/f], to: [b2], schedule: daily, verify: { schedule: '0 5 * * 0', cycle: 4 } }
  guests: { method: vzdump, to: [local, usb], schedule: weekly, drill: { schedule: weekly, copies: monthly } }
  music: { title: Music, method: restic, node: pve, paths: [/m], to: [usb], schedule: daily, drill: { schedule: monthly } }
`).filter(({ id }) => !id.startsWith('backup/'))
  expect(jobs).toEqual([
    {
      id: 'verify/b2',
      title: 'Read a part of Backblaze',
      cron: '0 5 * * 0',
      timezone: 'Europe/London',
      catchUp: 'once',
      command: { operation: 'backup.verify', input: { repository: 'b2', cycle: 4 } },
    },
    expect.objectContaining({
      id: 'verify/usb',
      cron: 'monthly',
      command: { operation: 'backup.verify', input: { repository: 'usb', cycle: 10 } },
    }),
    expect.objectContaining({
      id: 'drill/guests',
      cron: 'weekly',
      command: { operation: 'backup.drill', input: { plan: 'guests' } },
      tellsDoubts: true,
    }),
    expect.objectContaining({
      id: 'drill/music',
      title: 'Drill of Music',
      command: { operation: 'backup.drill', input: { plan: 'music' } },
    }),
    expect.objectContaining({
      id: 'drill/guests/usb',
      cron: 'monthly',
      command: { operation: 'backup.drill', input: { plan: 'guests', repository: 'usb' } },
      tellsDoubts: true,
    }),
  ])
})

test.each([
  ['no channel for notices', '', undefined],
  ['one', `channels: { ops: { slack: C0123ABCD, ops: true } }`, {}],
  [
    'one, and it is switched off',
    `digest: false\nchannels: { ops: { slack: C0123ABCD, ops: true } }`,
    undefined,
  ],
  ['another', `digest: { channel: daily }\nchannels: { daily: { slack: C0123ABCD } }`, { channel: 'daily' }],
  [
    'nothing to tell when all is well',
    `digest: { empty: false }\nchannels: { ops: { slack: C0123ABCD, ops: true } }`,
    { unlessOk: true },
  ],
])('the digest with %s', (_, text, tells) => {
  expect(plans(text).find(({ id }) => id === 'digest/morning')?.tells).toEqual(tells)
})
