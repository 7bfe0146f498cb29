/** What the plan of a change asks somebody for, after the credential has let it through. */
import { HomelabError, type Plan, targetsOf } from '@homelab/core'
import { approvalRule } from '@homelab/core/rights'
import type { Change } from './rights.ts'

/**
 * What the bot would ask somebody for: one yes can be given beforehand, that of another person cannot.
 * @throws HomelabError `usage` without the yes, `denied` for what only a person can say
 */
export async function agreed(
  { operation, input, services, signal }: Change,
  plan: Plan,
  yes: boolean,
): Promise<void> {
  const { lab } = services
  const { lockout = [] } = plan
  const names = [operation.id, operation.chat]
  if (lockout.length > 0) {
    throw new HomelabError('denied', `Only a person can confirm this: ${plan.summary}`, {
      hint: `It would take down what homelab itself needs: ${lockout.join(' ')}`,
    })
  }
  const asks =
    operation.risk === 'destructive' ||
    plan.confirm === true ||
    lab?.inventory.confirm.some((name) => names.includes(name)) === true
  if (asks && !yes) {
    throw new HomelabError('usage', `It asks for a confirmation: ${plan.summary}`, {
      hint: 'Switch on "Confirm" in this node, or "Dry Run" to see what would be done.',
      data: { plan: plan.steps },
    })
  }
  if (lab === undefined || lab.inventory.approve.length === 0) return
  const targets = await targetsOf(operation, input, lab, signal)
  if (approvalRule(operation, targets, lab.inventory) === undefined) return
  throw new HomelabError('denied', `${plan.summary}: a rule of the file wants an approval for it`, {
    hint: 'Use the credential of the bot, which keeps what waits for an approval.',
  })
}
