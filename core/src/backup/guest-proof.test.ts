import { expect, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import type { ExecOptions, ExecResult, Shell } from '../ports.ts'
import { systemOf } from './guest-proof.ts'

const result = (stdout: string, code = 0, stderr = ''): ExecResult => ({
  code,
  stdout,
  stderr,
  truncated: false,
})

/** A container that gives these answers in turn, the last one for ever; and a clock that moves by sleeping. */
function container(...answers: readonly ExecResult[]) {
  let at = 0
  let asked = 0
  const calls: (readonly string[])[] = []
  const shell: Shell = {
    exec: async (argv: readonly string[], _options?: ExecOptions) => {
      calls.push(argv)
      const answer = answers[Math.min(asked, answers.length - 1)]
      asked += 1
      if (answer === undefined) throw new HomelabError('bug', 'no answer')
      return answer
    },
  }
  const clock = {
    now: () => new Date(at),
    monotonic: () => at,
    sleep: async (ms: number) => {
      at += ms
    },
  }
  return { calls, ask: () => systemOf(shell, clock, new AbortController().signal) }
}

const ask = ['systemctl', 'is-system-running', '--wait']

test.each([
  ['running', result('running\n')],
  // With the network off something nearly always fails.
  ['degraded', result('degraded\n', 1)],
])('a system that came up: %s', async (state, answer) => {
  const { ask: look, calls } = container(answer)
  expect(await look()).toBe(state)
  expect(calls).toEqual([ask])
})

test('what is not there yet is asked again', async () => {
  const nothing = result('', 1, 'Failed to connect to bus: No such file or directory')
  const { ask: look, calls } = container(
    nothing,
    result('offline\n', 1),
    result('starting\n', 1),
    result('running\n'),
  )
  expect(await look()).toBe('running')
  expect(calls).toHaveLength(4)
})

test('without systemd, that a program runs is all that is known', async () => {
  const missing = result('', 127, 'lxc-attach: 9900: Failed to exec "systemctl"')
  const alpine = container(missing, result(''))
  expect(await alpine.ask()).toBe('answers')
  expect(alpine.calls).toEqual([ask, ['/bin/true']])
  await expect(container(missing, missing).ask()).rejects.toMatchObject({ code: 'failed' })
})

test('one that does not come up is not called proven', async () => {
  await expect(container(result('maintenance\n', 1)).ask()).rejects.toMatchObject({ code: 'failed' })
  await expect(container(result('starting\n', 1)).ask()).rejects.toMatchObject({
    code: 'timeout',
    message: expect.stringContaining('it is starting'),
  })
})
