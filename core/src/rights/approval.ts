import type { ApproveRule, Inventory } from '../inventory/schema.ts'
import type { Touched } from '../operation/services.ts'
import type { Operation } from '../operation/types.ts'
import { names } from './allowances.ts'

/** The first rule of the file that asks for another yes to this; a rule for `@all` also to what touches no guest. */
export function approvalRule(
  operation: Operation,
  targets: readonly Touched[],
  inventory: Pick<Inventory, 'approve'>,
): ApproveRule | undefined {
  if (operation.risk === 'read') return undefined
  return inventory.approve.find(
    ({ what, services }) =>
      (what.includes(operation.chat) || what.includes(operation.id)) &&
      services.some(
        (each) =>
          each.toLowerCase() === '@all' ||
          targets.some(
            (target) =>
              names(each, target) ||
              target.beside.some((beside) => beside.toLowerCase() === each.toLowerCase()),
          ),
      ),
  )
}
