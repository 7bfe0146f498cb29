/** A watch over a simulated lab, on a state folder that outlives it. Time passes as the tests say. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Caller,
  type Card,
  type Clock,
  createRegistry,
  HomelabError,
  type Json,
  type RunView,
} from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import { systemClock } from '@homelab/core/node'
import { operations } from '@homelab/core/operations'
import { afterEach, beforeEach, expect } from 'vitest'
import type { Finding } from '../../bot/src/incidents/types.ts'
import { connectLab, type LabServices } from '../../bot/src/lab/connect.ts'
import { openRuns, type Runs } from '../../bot/src/runs/index.ts'
import { openStore } from '../../bot/src/store/index.ts'
import { startWatch, type Watch } from '../../bot/src/watch/index.ts'
import type { Simulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

const registry = createRegistry(operations)
export const mary: Caller = { id: 'console:mary', name: 'mary', role: 'admin', surface: 'chat' }
export const MINUTE = 60_000

interface Told {
  readonly id: string
  readonly card: Card
  readonly state: 'live' | 'done'
  /** Of a problem. */
  readonly finding?: Omit<Finding, 'card'>
}

interface Pause {
  readonly ms: number
  readonly wake: () => void
}

/** Milliseconds between two signs of life. */
const BEAT = 30_000
export const EVERY = 20_000

/** The parts of a bot that the watch needs, on a state folder that outlives it. */
export interface Desk extends AsyncDisposable {
  readonly watch: Watch
  readonly runs: Runs
  readonly lab: LabServices
  /** Everything that was told, in order. */
  readonly told: readonly Told[]
  readonly bugs: readonly object[]
  /** Looks so often. */
  look(times: number): Promise<void>
  /** Time passes, for the watch. */
  pass(ms: number): void
  run(operation: string, input: Json): Promise<RunView>
  /** The next pause that it makes between two looks, and the way to end it. */
  pause(): Promise<Pause>
  /** As a process ends that is killed. */
  kill(): Promise<void>
}

/** How far ahead of the real one the clock of the watch is, in milliseconds. */
export const time = { ahead: 0 }

export async function open(
  simulator: Simulator,
  folder: string,
  change: (inventory: Inventory) => Inventory = (same) => same,
): Promise<Desk> {
  const source = await sourceOf(simulator, { change })
  const lab = await connectLab(source.inventory, source.secrets)
  const runs = await openRuns({
    file: join(folder, 'runs.db'),
    clock: systemClock,
    async execute({ operation: id, input, caller }, verbs) {
      const operation = registry.byId(id)
      if (operation === undefined) throw new HomelabError('bug', id)
      return operation.output.parse(await operation.run(input, { ...lab, caller }, verbs)) as Json
    },
  })
  const store = await openStore(join(folder, 'desk.db'))
  const told: Told[] = []
  const bugs: object[] = []
  const pauses: Pause[] = []
  let paused = Promise.withResolvers<void>()
  const clock: Clock = {
    now: () => new Date(Date.now() + time.ahead),
    monotonic: () => performance.now() + time.ahead,
    // It looks when it is told to, and not by itself.
    sleep: (ms, signal) =>
      new Promise((wake, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason))
        if (ms !== BEAT) pauses.push({ ms, wake })
        paused.resolve()
      }),
  }
  const watch = startWatch({
    lab: lab.lab,
    proxmox: lab.proxmox,
    runs,
    registry,
    facts: store.facts,
    audit: store.audit,
    clock,
    inventory: source.inventory,
    everyMs: EVERY,
    notify: (id, card, state) => told.push({ id, card, state }),
    tell: (id, card, state, finding) => told.push({ id, card, state, finding }),
    log: { warn: () => {}, error: (facts) => bugs.push(facts) },
  })
  await watch.look()
  const close = async () => {
    await runs.close()
    await store.close()
    await lab[Symbol.asyncDispose]()
  }
  return {
    watch,
    runs,
    lab,
    told,
    bugs,
    async look(times) {
      for (let count = 0; count < times; count++) await watch.look()
    },
    async pause() {
      for (;;) {
        const pause = pauses.shift()
        if (pause !== undefined) return pause
        await paused.promise
        paused = Promise.withResolvers()
      }
    },
    pass: (ms) => {
      time.ahead += ms
    },
    async run(id, input) {
      const operation = registry.byId(id)
      const parsed = operation?.input.parse(input) as Json
      const { run } = await runs.start({
        operation: id,
        title: id,
        input: parsed,
        caller: mary,
        key: crypto.randomUUID(),
        locks: [],
      })
      return run
    },
    kill: close,
    async [Symbol.asyncDispose]() {
      await watch.stop()
      await close()
      expect(bugs).toEqual([])
    },
  }
}

/** A state folder for each test of the file, and a lab without faults. */
export function eachTest(simulator: () => Simulator): { readonly folder: string } {
  const state = { folder: '' }
  beforeEach(async () => {
    time.ahead = 0
    state.folder = await mkdtemp(join(tmpdir(), 'homelab-watch-'))
    await simulator().reset()
    // /cluster/resources is then as things are, not as they were up to 10 s ago.
    await simulator().fault({ stale: false })
  })
  afterEach(() => rm(state.folder, { recursive: true, force: true }))
  return state
}

export const titles = ({ told }: Desk) =>
  told.map(({ card, state }) => `${card.title} (${card.tone}, ${state})`)
export const words = ({ card }: Told): string => JSON.stringify(card)
export const commands = ({ card }: Told): readonly string[] =>
  (card.buttons ?? []).flatMap(({ action }) => (action.kind === 'command' ? [action.text] : []))

/** Somebody in the web interface does this; resolves when its task has ended. */
export async function somebody(
  { lab: { lab, proxmox } }: Desk,
  vmid: number,
  action: 'start' | 'shutdown' | 'stop',
): Promise<string> {
  const [target] = await lab.resolve([String(vmid)], { fresh: true })
  if (target === undefined) throw new Error(`no guest ${vmid}`)
  const upid = await proxmox.power(target.guest, action)
  await proxmox.tasks.wait(upid).catch(() => undefined)
  return upid
}
