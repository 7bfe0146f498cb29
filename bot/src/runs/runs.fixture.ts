/** Runs on a state file of their own, and a way to see what a crash at one moment would have left. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Caller, Json, Verbs } from '@homelab/core'
import { systemClock } from '@homelab/core/node'
import { onTestFinished } from 'vitest'
import { openRuns } from './runs.ts'
import type { Point, RunRequest, Runs, RunsOptions } from './types.ts'

export const clock = systemClock

export const mary: Caller = { id: 'console:mary', name: 'mary', role: 'operator', surface: 'chat' }

export type Body = (verbs: Verbs, input: Json) => Promise<Json>

export function stateFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'homelab-runs-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'runs.db')
}

/** What a process killed at this very moment would leave behind, in a place of its own. */
export function crashCopy(file: string): string {
  const copy = stateFile()
  for (const part of ['', '-wal']) if (existsSync(file + part)) copyFileSync(file + part, copy + part)
  return copy
}

/** Short times, so that tests of what takes seconds take milliseconds. */
export const quick = {
  settleMs: 30,
  unclearMs: 60,
  patienceMs: 2_000,
  graceMs: 200,
  undoMs: 500,
  stableMs: 60_000,
}

export async function openTestRuns(
  file: string,
  bodies: Readonly<Record<string, Body>>,
  options: Partial<RunsOptions> = {},
): Promise<Runs> {
  const runs = await openRuns({
    file,
    clock,
    timing: quick,
    async execute({ operation, input }, verbs) {
      const body = bodies[operation]
      if (!body) throw new Error(`no body for ${operation}`)
      return await body(verbs, input)
    },
    ...options,
  })
  onTestFinished(() => runs.close())
  return runs
}

let requests = 0

export function request(operation: string, more: Partial<RunRequest> = {}): RunRequest {
  requests += 1
  return {
    operation,
    title: operation,
    input: {},
    caller: mary,
    key: `message-${requests}`,
    locks: [],
    ...more,
  }
}

/** A promise and the way to end it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: () => resolve() }
}

/** Runs one operation to its end. */
export async function runToEnd(runs: Runs, operation: string, more: Partial<RunRequest> = {}) {
  const { run } = await runs.start(request(operation, more))
  return await runs.finished(run.id)
}

/** Ends when the signal does, as good work does. */
export const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => {
    const stop = () => reject(signal.reason as Error)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })

/** Runs one body, and leaves a copy of its state file as a crash at that point would. */
export async function crashAt(point: Point, name: string, body: Body) {
  const file = stateFile()
  const copies: string[] = []
  const runs = await openTestRuns(
    file,
    { work: body },
    { probe: (at, _run, of) => at === point && of === name && copies.push(crashCopy(file)) },
  )
  const end = await runToEnd(runs, 'work')
  const [copy] = copies
  if (copy === undefined) throw new Error(`the run never came to ${point} of ${name}`)
  return { copy, end }
}
