/** Changes that wait for somebody else's yes, or for a while in which they can be called off. They outlive a restart. */
import { randomBytes } from 'node:crypto'
import {
  type Approval,
  type Approvals,
  type Caller,
  type Clock,
  HomelabError,
  type Json,
  type Operation,
  type Plan,
  type Registry,
  type Rights,
  type Touched,
} from '@homelab/core'
import type { ApprovalWay } from '@homelab/core/inventory'
import type { Likeness } from '../rights/people.ts'
import type { Command } from './types.ts'

/** What homelab.yaml wants for a change. */
export interface ApprovalRule {
  readonly by: readonly ApprovalWay[]
  readonly delayMs?: number
  readonly expiresMs: number
}

/** A change that waits, whole: after a restart it goes on from nothing else. */
export interface PendingApproval {
  readonly id: string
  readonly command: Command
  readonly operation: string
  readonly input: Json
  /** As it was confirmed: another state than this refuses the approval. */
  readonly plan: Plan
  /** What it touches. */
  readonly targets: readonly Touched[]
  readonly by: readonly ApprovalWay[]
  readonly at: string
  readonly expiresAt: string
  readonly beginsAt?: string
  /** Set before the run is started, so that a crash in between does not lose the yes. */
  readonly approved?: string
}

export interface ApprovalStore {
  save(pending: PendingApproval): Promise<void>
  remove(id: string): Promise<void>
  /** The oldest first. */
  load(): Promise<readonly PendingApproval[]>
}

/** How it ended without being done. `by` is absent when its time was over. */
export type Refusal = { readonly kind: 'rejected' | 'expired'; readonly by?: Caller }

export interface ApprovalOptions {
  readonly store: ApprovalStore
  readonly registry: Registry
  readonly rights: Rights
  readonly clock: Clock
  readonly likeness: (a: Caller, b: Caller) => Likeness
  readonly onWaiting: (pending: PendingApproval) => void
  /** Before anything is done about it. `by` is absent when a delay is over and nobody called it off. */
  readonly onApproved: (pending: PendingApproval, by: Caller | undefined) => Promise<void>
  readonly onRefused: (pending: PendingApproval, refusal: Refusal) => void
  /** Plans anew, refuses if the state has changed, else starts it. Resolves when the run exists or its card says why not. */
  readonly begin: (pending: PendingApproval) => Promise<void>
  readonly onBug: (error: unknown, where: string) => void
}

export interface ApprovalDesk extends Approvals {
  /** Resolves when it is stored. */
  request(
    proposal: {
      readonly command: Command
      readonly operation: Operation
      readonly input: Record<string, unknown>
      readonly plan: Plan
    },
    targets: readonly Touched[],
    rule: ApprovalRule,
  ): Promise<PendingApproval>
  /** The one of this command that waits, or is being begun. */
  of(commandKey: string): PendingApproval | undefined
  /** Takes up those of before a restart. */
  load(): Promise<void>
  stop(): void
}

/** Milliseconds before an approval that could not be stored is tried again. */
const RETRY_MS = 30_000

const platformOf = (id: string): string => id.split(':')[0] ?? ''

export function createApprovals(options: ApprovalOptions): ApprovalDesk {
  const { store, registry, rights, clock } = options
  const open = new Map<string, { pending: PendingApproval; over: AbortController }>()

  /** Approved before a restart, and being begun. */
  const going = new Map<string, PendingApproval>()

  const viewOf = (pending: PendingApproval): Approval => ({
    id: pending.id,
    operation: pending.operation,
    summary: pending.plan.summary,
    command: pending.command.text,
    caller: { id: pending.command.caller.id, name: pending.command.caller.name },
    wants: wanted(pending),
    at: pending.at,
    expiresAt: pending.expiresAt,
    ...(pending.beginsAt === undefined ? {} : { beginsAt: pending.beginsAt }),
  })

  /** Out of the list first: whatever comes of it, nobody can decide it twice. */
  const close = (id: string): PendingApproval | undefined => {
    const entry = open.get(id)
    entry?.over.abort()
    open.delete(id)
    return entry?.pending
  }

  /** @param pauseMs at least so long before it ends by itself */
  const add = (pending: PendingApproval, pauseMs = 0) => {
    const over = new AbortController()
    open.set(pending.id, { pending, over })
    const next = Date.parse(pending.beginsAt ?? pending.expiresAt) - clock.now().getTime()
    clock.sleep(Math.max(pauseMs, next), over.signal).then(
      () => {
        const work = pending.beginsAt === undefined ? refuse(pending, { kind: 'expired' }) : approve(pending)
        work.catch((error: unknown) => options.onBug(error, pending.command.text))
      },
      () => undefined,
    )
    options.onWaiting(pending)
  }

  async function refuse(pending: PendingApproval, refusal: Refusal): Promise<void> {
    if (close(pending.id) === undefined) return
    // Told even when it cannot be written down: nothing is done either way.
    options.onRefused(pending, refusal)
    await store.remove(pending.id)
  }

  /** @param by absent: its delay is over and nobody called it off */
  async function approve(pending: PendingApproval, by?: Caller): Promise<void> {
    if (close(pending.id) === undefined) return
    const approved = { ...pending, approved: by === undefined ? 'nobody called it off' : nameOf(by) }
    try {
      await store.save(approved)
      await options.onApproved(approved, by)
    } catch (error) {
      // What could not be written down has not been decided: it waits on, and whoever decided is told.
      add(pending, RETRY_MS)
      await store.save(pending).catch(() => undefined)
      throw error
    }
    await go(approved)
  }

  async function go(approved: PendingApproval): Promise<void> {
    await options.begin(approved)
    await store.remove(approved.id)
  }

  const permitApproval = (pending: PendingApproval, caller: Caller) => {
    const operation = registry.byId(pending.operation)
    if (operation === undefined) throw new HomelabError('bug', `This version knows no ${pending.operation}.`)
    const asker = pending.command.caller
    const like = options.likeness(asker, caller)
    // Whoever is at the terminal or the console may be the asker: only somebody of the file is surely another.
    const second = like === 'other' && caller.person !== undefined
    const elsewhere = like === 'same' && platformOf(asker.id) !== platformOf(caller.id)
    if (
      (second && pending.by.includes('second-person')) ||
      (elsewhere && pending.by.includes('other-platform'))
    )
      return rights.permit(operation, caller, pending.targets)
    throw new HomelabError('denied', `You cannot approve this: it waits for ${wanted(pending)}.`, {
      hint: like === 'same' ? 'You can call it off.' : 'Whoever asked can call it off.',
    })
  }

  const permitRejection = (pending: PendingApproval, caller: Caller) => {
    if (options.likeness(pending.command.caller, caller) === 'same') return
    const operation = registry.byId(pending.operation)
    if (operation !== undefined) rights.permit(operation, caller, pending.targets)
  }

  return {
    open: () => [...open.values()].map(({ pending }) => viewOf(pending)),
    of: (key) =>
      [...[...open.values()].map(({ pending }) => pending), ...going.values()].find(
        ({ command }) => command.key === key,
      ),
    async request({ command, operation, input, plan }, targets, rule) {
      const now = clock.now().getTime()
      const ends = rule.by.includes('delay') && rule.delayMs !== undefined ? now + rule.delayMs : undefined
      const pending: PendingApproval = {
        id: randomBytes(3).toString('hex'),
        command,
        operation: operation.id,
        input: input as Json,
        plan,
        targets,
        by: rule.by,
        at: new Date(now).toISOString(),
        expiresAt: new Date(now + rule.expiresMs).toISOString(),
        ...(ends === undefined ? {} : { beginsAt: new Date(ends).toISOString() }),
      }
      await store.save(pending)
      add(pending)
      return pending
    },
    // Not async: a refusal is thrown at once, so that whoever pressed the button is told and nobody else.
    decide(id, yes, caller) {
      const pending = open.get(id)?.pending
      if (pending === undefined) {
        throw new HomelabError('not-found', `Nothing waits for an approval under "${id.slice(0, 20)}".`, {
          hint: 'It was decided, called off, or its time is over. `approval list` shows what waits.',
        })
      }
      if (yes) permitApproval(pending, caller)
      else permitRejection(pending, caller)
      const view = viewOf(pending)
      const work = yes ? approve(pending, caller) : refuse(pending, { kind: 'rejected', by: caller })
      return work.then(() => view)
    },
    async load() {
      for (const pending of await store.load()) {
        if (pending.approved === undefined) {
          add(pending)
          continue
        }
        // Not waited for: a lab that does not answer must not hold up the start of everything else.
        going.set(pending.id, pending)
        go(pending)
          .catch((error: unknown) => options.onBug(error, pending.command.text))
          .finally(() => going.delete(pending.id))
      }
    },
    stop() {
      for (const { over } of open.values()) over.abort()
    },
  }
}

export const nameOf = ({ name, id }: Caller): string => `${name} (${id})`

/** Who can say yes, for people. */
export function wanted({ by, command, beginsAt }: PendingApproval): string {
  const ways = by.map((way) => {
    if (way === 'second-person') return 'somebody else who may do this'
    if (way === 'other-platform') return `${command.caller.name} on another platform`
    return beginsAt === undefined ? '' : 'its time, unless it is called off'
  })
  return ways.filter((way) => way !== '').join(', or ')
}
