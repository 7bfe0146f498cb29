/** A scheduler on a real store and real runs, and a clock that can be set. Time passes as the tests say. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Caller,
  type Card,
  createRegistry,
  defineOperation,
  HomelabError,
  type Json,
  type Operation,
  type Plan,
} from '@homelab/core'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import type { AuditEntry } from '../chat/audit.ts'
import { start, virtualClock } from '../chat/courier.fixture.ts'
import type { Finding } from '../incidents/types.ts'
import { openRuns } from '../runs/index.ts'
import { openStore } from '../store/index.ts'
import type { Store } from '../store/store.ts'
import { createScheduler } from './schedule.ts'
import type { ScheduledJob, Scheduler, SchedulerOptions } from './types.ts'

export const mary: Caller = { id: 'console:mary', name: 'mary', role: 'admin', surface: 'chat' }

/** What the operation of the tests is told to do, and what was done. */
export interface Work {
  /** The names that it was run with, in order. */
  readonly done: string[]
  plan: Partial<Plan>
  planFails?: HomelabError | undefined
  fails?: HomelabError | undefined
  /** Of its card; default: `ok`. */
  tone?: Card['tone']
  /** Runs wait for it. */
  gate?: Promise<void> | undefined
}

function operationOf(work: Work): Operation {
  return defineOperation({
    id: 'test.work',
    chat: 'work',
    title: 'Work',
    description: 'Works.',
    risk: 'change',
    permission: 'operator',
    input: z.object({
      name: z.string().default('it').describe('What on'),
      due: z.string().optional().describe('When it was due'),
    }),
    output: z.object({ name: z.string() }),
    needs: [],
    positional: ['name'],
    plan: async ({ name }) => {
      if (work.planFails !== undefined) throw work.planFails
      return {
        summary: `Work on ${name}`,
        steps: ['Work'],
        affects: [],
        warnings: [],
        locks: [`thing/${name}`],
        state: {},
        ...work.plan,
      }
    },
    run: async ({ name, due }, _services, { step }) =>
      await step('work', async () => {
        await work.gate
        if (work.fails !== undefined) throw work.fails
        work.done.push(due === undefined ? name : `${name} of ${due}`)
        return { name }
      }),
    card: ({ name }) => ({ title: `Worked on ${name}`, tone: work.tone ?? 'ok' }),
  })
}

export interface Told {
  readonly id: string
  readonly card: Card
  readonly state: 'live' | 'done'
  /** Of a problem. */
  readonly finding?: Finding
}

export const daily: ScheduledJob = {
  id: 'test/daily',
  title: 'Daily work',
  cron: '0 3 * * *',
  timezone: 'UTC',
  catchUp: 'once',
  command: { operation: 'test.work', input: { name: 'daily' } },
}

/** The clock is at this moment when it begins. */
export function world(at: string) {
  const folder = mkdtempSync(join(tmpdir(), 'homelab-schedule-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const passing = virtualClock()
  let ahead = Date.parse(at) - start
  const clock = { ...passing, now: () => new Date(passing.now().getTime() + ahead) }
  const work: Work = { done: [], plan: {} }
  const registry = createRegistry([operationOf(work)])
  return {
    clock,
    work,
    /** Sets the wall clock; no time passes. */
    set(time: string) {
      ahead += Date.parse(time) - clock.now().getTime()
    },
    /** A bot on the folder. Ends with the test, or with `close`. */
    async open(jobs: () => readonly ScheduledJob[], more: Partial<SchedulerOptions> = {}) {
      const runs = await openRuns({
        file: join(folder, 'runs.db'),
        clock,
        async execute({ operation, input, caller }, verbs) {
          const found = registry.byId(operation)
          if (found === undefined) throw new HomelabError('bug', operation)
          return (await found.run(input, { caller }, verbs)) as Json
        },
      })
      const store = await openStore(join(folder, 'desk.db'), clock.now)
      const told: Told[] = []
      const bugs: object[] = []
      const warnings: string[] = []
      const written: Promise<void>[] = []
      const append = (entry: AuditEntry) => {
        const done = store.audit.append(entry)
        written.push(done)
        return done
      }
      const scheduler = (over: Partial<SchedulerOptions> = {}) =>
        createScheduler({
          jobs,
          registry,
          runs,
          facts: store.facts,
          audit: { append },
          services: (caller) => ({ caller }),
          rights: {
            offers: () => true,
            dependsOnTargets: () => false,
            permit: () => undefined,
            offersFor: () => true,
            held: () => [],
          },
          approval: () => undefined,
          mustConfirm: () => [],
          notify: (id, card, state) => void told.push({ id, card, state }),
          tell: (id, card, state, finding) => void told.push({ id, card, state, finding }),
          clock,
          log: {
            warn: (_facts, text) => void warnings.push(text),
            error: (facts, text) => void bugs.push({ facts, text }),
          },
          ...more,
          ...over,
        })
      const own = scheduler()
      const others: Scheduler[] = []
      /** What is due has begun, what has begun is over unless it is held up, and all of it is written down. */
      const settle = async () => {
        await own.look()
        if (work.gate !== undefined) return
        for (const { id } of await runs.active()) await runs.finished(id)
        await own.look()
        await Promise.all(written)
      }
      let open = true
      const close = async () => {
        if (!open) return
        open = false
        await Promise.all([own, ...others].map((each) => each.stop()))
        await store.close()
        await runs.close()
      }
      onTestFinished(close)
      return {
        scheduler: own,
        /** A second one on the same store and runs. */
        second(over: Partial<SchedulerOptions> = {}) {
          const made = scheduler(over)
          others.push(made)
          return made
        },
        runs,
        store,
        told,
        bugs,
        warnings,
        close,
        /** Time passes; what became due has begun and ended, unless it is held up. */
        async pass(ms: number) {
          await clock.pass(ms)
          await settle()
        },
        settle,
      }
    },
  }
}

export const HOUR = 3_600_000
export const DAY = 24 * HOUR
export const MINUTE = 60_000

/** The daily job, changed so. */
export const only = (job: Partial<ScheduledJob> = {}) => {
  const jobs = [{ ...daily, ...job }]
  return () => jobs
}

/** Decisions of the audit log, the oldest first, each with who and what. */
export async function audited(store: Store) {
  const entries = await store.audit.list({ limit: 100 })
  return entries.toReversed().map(({ decision, caller, command }) => `${decision} ${caller.id}: ${command}`)
}
