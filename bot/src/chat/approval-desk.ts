/** Approvals joined to the desk: their cards where they were asked and in the ops channels, their entries in the audit log. */
import {
  type ApprovalDesk,
  createApprovals,
  nameOf,
  type PendingApproval,
  type Refusal,
} from './approvals.ts'
import { entryOf } from './audit.ts'
import { acknowledged, approvalEnded, declined, waitingForApproval } from './cards.ts'
import type { Handler } from './handle.ts'
import type { DeskOptions } from './options.ts'

export function createApprovalDesk(options: DeskOptions, handler: Handler): ApprovalDesk | undefined {
  const { registry, rights, clock, audit } = options
  if (options.approvals === undefined) return undefined
  const notify = (pending: PendingApproval, ended?: string) =>
    options.notify?.(
      `approval-${pending.id}`,
      ended === undefined ? waitingForApproval(pending, options.timezone?.()) : approvalEnded(pending, ended),
      ended === undefined ? 'live' : 'done',
      { except: pending.command.place },
    )

  function refused(pending: PendingApproval, { kind, by }: Refusal): void {
    const operation = registry.byId(pending.operation)
    const why = by === undefined ? 'Nobody approved it in time.' : `${by.name} called it off.`
    if (operation !== undefined) {
      handler.note(pending.command, operation, kind, {
        plan: pending.plan.summary,
        ...(by === undefined ? {} : { approval: `rejected by ${nameOf(by)}` }),
      })
    }
    handler.put(pending.command, { card: declined(pending.plan, why), state: 'done', error: 'cancelled' })
    notify(pending, by === undefined ? 'nobody approved it' : `called off by ${by.name}`)
  }

  return createApprovals({
    store: options.approvals.store,
    likeness: options.approvals.likeness,
    registry,
    rights,
    clock,
    onWaiting: (pending) => notify(pending),
    onRefused: refused,
    async onApproved(pending, by) {
      const operation = registry.byId(pending.operation)
      const { command, plan } = pending
      if (operation !== undefined) {
        await audit.append(
          entryOf(command, operation, 'approved', {
            plan: plan.summary,
            approval: pending.approved ?? '',
          }),
        )
      }
      const text = by === undefined ? 'Its time has come.' : `${by.name} approved it.`
      handler.put(command, { card: { ...acknowledged(plan.summary), text }, state: 'working' })
      notify(pending, by === undefined ? 'begun' : `approved by ${by.name}`)
    },
    async begin({ command, operation: id, input, plan, approved }) {
      const operation = registry.byId(id)
      if (operation === undefined) return
      await handler.approved(
        { command, operation, input: input as Record<string, unknown>, plan },
        approved ?? '',
      )
    },
    onBug: options.onBug,
  })
}
