import { expect, test } from 'vitest'
import { HomelabError } from '../../errors.ts'
import type { Clock, ExecResult, Shell } from '../../ports.ts'
import { endJob, followJob } from './follow.ts'

/** A machine with one job that ends when it is told to; without a disk, it says what the scripts would. */
function machine(
  begins: string,
  answers: { readonly away?: number; readonly pages?: readonly string[]; readonly killed?: boolean } = {},
) {
  let state = begins
  let away = answers.away ?? 0
  const pages = [...(answers.pages ?? [])]
  const asked: string[] = []
  const result = (stdout: string): ExecResult => ({ code: 0, stdout, stderr: '', truncated: false })
  const shell: Shell = {
    async exec(argv) {
      const script = argv[2] ?? ''
      const verb = script.includes('kill -TERM')
        ? 'cancel'
        : script.includes('rm -rf') && !script.includes('begun')
          ? 'clear'
          : 'look'
      asked.push(verb)
      if (away > 0) {
        away -= 1
        throw new HomelabError('unreachable', 'pve does not answer')
      }
      if (verb === 'cancel') state = answers.killed ? 'lost same' : 'ended 130 save cancelled'
      if (verb === 'clear') state = 'absent'
      return result(verb === 'look' ? `${state}\n${pages.shift() ?? ''}` : '')
    },
  }
  return { shell, asked, state: () => state }
}

let time = 0
const clock: Clock = {
  now: () => new Date(time),
  monotonic: () => time,
  sleep: async (ms) => {
    time += ms
  },
}
const silent = { onLines() {}, onAway() {} }

test('a cancel asks the job to end, and waits until it has', async () => {
  const { shell, asked, state } = machine('running')
  const told = new AbortController()
  told.abort(new HomelabError('cancelled', 'Cancelled by mary.'))
  const follow = followJob({
    shell,
    directory: '/jobs/r',
    environment: '/run/r',
    clock,
    signal: told.signal,
    ...silent,
  })
  await expect(follow).rejects.toThrow('Cancelled by mary.')
  expect(state()).toBe('ended 130 save cancelled')
  expect(asked).toEqual(['look', 'cancel', 'look'])
})

test('a bot that shuts down leaves it alone', async () => {
  const { shell, asked, state } = machine('running')
  const told = new AbortController()
  told.abort(new Error('The bot is shutting down.'))
  const follow = followJob({
    shell,
    directory: '/jobs/r',
    environment: '/run/r',
    clock,
    signal: told.signal,
    ...silent,
  })
  await expect(follow).rejects.toThrow('shutting down')
  expect([state(), asked]).toEqual(['running', []])
})

test('what an ended job said is read to its end', async () => {
  const line = `${JSON.stringify({ said: 'x'.repeat(1000) })}\n`
  const { shell } = machine('ended 0 done -', { pages: [line.repeat(300), line, ''] })
  const lines: string[] = []
  const { signal } = new AbortController()
  const over = await followJob({
    ...{ shell, directory: '/jobs/r', environment: '/run/r', clock, signal },
    onLines: (more) => void lines.push(...more),
    onAway() {},
  })
  expect([over, lines.length]).toEqual([{ state: 'ended', end: { code: 0, stage: 'done' } }, 301])
})

test('a machine that is away is asked again, and said to be away once', async () => {
  const { shell } = machine('ended 0 done -', { away: 3 })
  const away: (string | undefined)[] = []
  await followJob({
    ...{ shell, directory: '/jobs/r', environment: '/run/r', clock, signal: new AbortController().signal },
    onLines() {},
    onAway: (error) => void away.push(error?.message),
  })
  expect(away).toEqual(['pve does not answer', undefined])
})

test('a job that nobody follows is ended, and its folder goes', async () => {
  const { shell, state } = machine('running')
  await endJob({ shell, directory: '/jobs/r', environment: '/run/r', clock })
  expect(state()).toBe('absent')
})

test.each([
  ['followed', false],
  ['that nobody follows', true],
])('a cancelled job %s that was killed: what it would have put back is told', async (_, alone) => {
  const { shell } = machine('running', { killed: true })
  const told = new AbortController()
  told.abort(new HomelabError('cancelled', 'Cancelled by mary.'))
  let lost = 0
  const job = {
    ...{ shell, directory: '/jobs/r', environment: '/run/r', clock },
    onLost: async () => {
      lost += 1
    },
  }
  if (alone) await endJob(job)
  else
    await expect(followJob({ ...job, signal: told.signal, ...silent })).rejects.toThrow('Cancelled by mary.')
  expect(lost).toBe(1)
})

test('a cancel that comes before the job has begun keeps it from ever beginning', async () => {
  const { shell, asked } = machine('waiting')
  const told = new AbortController()
  told.abort(new HomelabError('cancelled', 'Cancelled by mary.'))
  const follow = followJob({
    shell,
    directory: '/jobs/r',
    environment: '/run/r',
    clock,
    signal: told.signal,
    ...silent,
  })
  await expect(follow).rejects.toThrow('Cancelled by mary.')
  // Asked to end it would have been nobody, and it would have begun after that.
  expect(asked).toEqual(['look', 'look'])
})
