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
