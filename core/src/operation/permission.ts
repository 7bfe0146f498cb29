import { HomelabError } from '../errors.ts'
import type { Caller, Services } from './services.ts'
import { type Operation, type Role, roles, type Standing } from './types.ts'

const orderOf = (role: Standing): number => (roles as readonly string[]).indexOf(role)

export const atLeast = (role: Standing, needed: Role | 'everyone'): boolean =>
  needed === 'everyone' || orderOf(role) >= orderOf(needed)

/** The right to give rights stays with the role: neither the file's overrides nor a grant hand it on. */
export const givesRights = ({
  id,
  permission,
}: {
  readonly id: string
  readonly permission: string
}): boolean => id.startsWith('grant.') && permission === 'admin'

/** Whether this surface can run the operation at all: it is not narrowed away and all its needs are there. */
export function runnable(
  operation: Operation,
  surface: Caller['surface'],
  services: Partial<Services>,
): boolean {
  if (operation.surfaces !== undefined && !operation.surfaces.includes(surface)) return false
  return (operation.needs as readonly (keyof Services)[]).every((need) => services[need] !== undefined)
}

/** @throws HomelabError `denied` that names the missing right and who can give it */
export function permit(operation: Operation, caller: Caller): void {
  if (atLeast(caller.role, operation.permission)) return
  throw new HomelabError(
    'denied',
    `"${operation.chat}" needs the role ${operation.permission}; ${caller.name} is ${caller.role}.`,
    {
      hint: 'An admin can change that under `people` in homelab.yaml. `whoami` shows your id.',
      data: { needed: operation.permission, role: caller.role, caller: caller.id },
    },
  )
}
