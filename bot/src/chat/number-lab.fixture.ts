/** A desk over a lab of one number: `wipe` sets it to zero and asks first, `add` adds to it, `cut` would cut the bot off. */
import {
  type Caller,
  type Card,
  type Clock,
  createRegistry,
  defineOperation,
  type Plan,
  type Role,
} from '@homelab/core'
import { emptyInventory, parseInventory } from '@homelab/core/inventory'
import { systemClock } from '@homelab/core/node'
import { createRights } from '@homelab/core/rights'
import { z } from 'zod'
import { likeness } from '../rights/people.ts'
import type { ApprovalRule, ApprovalStore, PendingApproval } from './approvals.ts'
import type { AuditEntry } from './audit.ts'
import { type CardStore, openBoard } from './board.ts'
import { createDesk } from './desk.ts'
import { openHistory } from './history.ts'
import { inlineRuns } from './inline-runs.ts'
import type { Command, Posted } from './types.ts'

const plan = (summary: string, state: number): Plan => ({
  summary,
  steps: [summary],
  affects: [],
  warnings: [],
  locks: [],
  state,
})

/** Ann is on both platforms; Ben and the kid are in Discord. */
const family = parseInventory(`
people:
  ann: { role: operator, discord: '100000000000000001', slack: U0000001 }
  ben: { role: operator, discord: '100000000000000002' }
  kid: { role: viewer, discord: '100000000000000003' }
`)

export interface NumberLabOptions {
  readonly store?: CardStore
  readonly clock?: Clock
  readonly confirmSeconds?: number
  /** What the file wants approved, of every change. */
  readonly rule?: ApprovalRule
  readonly approvals?: ApprovalStore
  /** Awaited in the middle of `give`. */
  readonly whileGiving?: () => Promise<void>
  /** Roles of today, by caller: whom it does not name has the one that the command came with. */
  readonly roles?: Map<string, Role | 'nobody'>
}

export async function setUp(options: NumberLabOptions = {}) {
  const world = { number: 0, changes: 0 }
  const audit: AuditEntry[] = []
  const common = { permission: 'operator', output: z.object({ number: z.int() }), needs: [] } as const
  const card = ({ number }: { number: number }) => ({ title: `now ${number}`, tone: 'ok' as const })
  const add = defineOperation({
    ...common,
    id: 'number.add',
    chat: 'add',
    title: 'Add',
    description: 'Adds.',
    risk: 'change',
    input: z.object({ count: z.int().min(1).describe('How much') }),
    positional: ['count'],
    plan: async ({ count }) => plan(`Add ${count}`, world.number),
    run: async ({ count }) => {
      world.changes += 1
      world.number += count
      return { number: world.number }
    },
    card,
  })
  const wipe = defineOperation({
    ...common,
    id: 'number.wipe',
    chat: 'wipe',
    title: 'Wipe',
    description: 'Sets it to zero.',
    risk: 'destructive',
    input: z.object({}),
    plan: async () => plan('Wipe it', world.number),
    run: async () => {
      world.changes += 1
      world.number = 0
      return { number: 0 }
    },
    card,
  })
  const show = defineOperation({
    ...common,
    id: 'number.show',
    chat: 'show',
    title: 'Show',
    description: 'Shows it.',
    risk: 'read',
    permission: 'viewer',
    input: z.object({}),
    run: async () => ({ number: world.number }),
    failed: ({ number }) => number < 0,
    card,
  })
  const give = defineOperation({
    ...common,
    id: 'number.give',
    chat: 'give',
    title: 'Give',
    description: 'Adds one at once, past the runs.',
    risk: 'change',
    immediate: true,
    input: z.object({}),
    plan: async () => plan('Give one', world.number),
    run: async () => {
      world.changes += 1
      world.number += 1
      await options.whileGiving?.()
      return { number: world.number }
    },
    card,
  })
  const cut = defineOperation({
    ...common,
    id: 'number.cut',
    chat: 'cut',
    title: 'Cut',
    description: 'Takes down what the bot needs.',
    risk: 'change',
    input: z.object({}),
    plan: async () => ({ ...plan('Cut it', world.number), lockout: ['The bot runs on it.'] }),
    run: async () => {
      world.changes += 1
      return { number: world.number }
    },
    card,
  })
  const registry = createRegistry([add, wipe, show, give, cut])
  const told: { id: string; card: Card; state: string }[] = []
  const bugs: unknown[] = []
  const clock = options.clock ?? systemClock
  const board = await openBoard(options.store, (error) => bugs.push(error))
  const desk = createDesk({
    registry,
    board,
    runner: inlineRuns(registry.byId, () => ({}), clock),
    runOf: async () => undefined,
    services: () => ({}),
    rights: createRights({ inventory: emptyInventory }),
    today: (caller) => ({ ...caller, role: options.roles?.get(caller.id) ?? caller.role }),
    approvals: {
      store: options.approvals ?? forgetful(),
      rule: () => options.rule,
      likeness: (a, b) => likeness(a, b, family),
    },
    notify: (id, card, state) => void told.push({ id, card, state }),
    audit: { append: async (entry) => void audit.push(entry) },
    history: await openHistory(),
    clock,
    mustConfirm: () => [],
    suggest: () => [],
    onBug: (error) => bugs.push(error),
    ...(options.confirmSeconds === undefined ? {} : { confirmSeconds: options.confirmSeconds }),
  })
  const type = (text: string, more: Partial<Command> = {}) =>
    desk.settled(desk.submit({ text, caller: operator, place, key: `key-${text}`, ...more }).id, {
      asking: true,
    })
  return { desk, world, audit, bugs, told, type }
}

export const place = { surface: 'console', channel: 'desk' }
export const operator: Caller = { id: 'console:local', name: 'Ann', role: 'operator', surface: 'chat' }
export const viewer: Caller = { ...operator, id: 'chat:kid', name: 'Kid', role: 'viewer' }
export const decisions = (audit: readonly AuditEntry[]) => audit.map(({ decision }) => decision)

export function button(posted: Posted, kind: 'confirm' | 'decline' | 'approve' | 'reject') {
  const action = posted.card.buttons?.find((each) => each.action.kind === kind)?.action
  if (action === undefined) throw new Error(`no ${kind} on ${posted.card.title}`)
  return action
}

const forgetful = (): ApprovalStore => ({
  save: async () => {},
  remove: async () => {},
  load: async () => [],
})

/** Keeps cards as the store's file does: by value, and only what it is given. */
export function cardFile(): CardStore {
  const rows = new Map<string, string>()
  return {
    save: async (posted) => void rows.set(posted.id, JSON.stringify(posted)),
    load: async () => [...rows.values()].map((text) => JSON.parse(text) as Posted),
  }
}

/** Keeps what waits as the store's file does: by value. */
export function approvalFile() {
  const rows = new Map<string, string>()
  const store: ApprovalStore = {
    save: async (pending) => void rows.set(pending.id, JSON.stringify(pending)),
    remove: async (id) => void rows.delete(id),
    load: async () => [...rows.values()].map((text) => JSON.parse(text) as PendingApproval),
  }
  return { store, rows }
}
