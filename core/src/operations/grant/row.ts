import { z } from 'zod'
import type { Registry } from '../../operation/registry.ts'
import type { Grant } from '../../operation/services.ts'
import { duration } from '../../operation/view.ts'

export const GrantRow = z.object({
  id: z.string(),
  /** `discord:123`, `slack:U1` or `person:kid`. */
  to: z.string(),
  name: z.string(),
  operation: z.string(),
  /** What one types for the operation. */
  command: z.string(),
  /** None: whatever it is asked for. */
  services: z.array(z.string()),
  /** ISO 8601. */
  until: z.string(),
  at: z.string(),
  by: z.object({ id: z.string(), name: z.string() }),
  /** How long it was in force still, when this was asked. */
  leftMs: z.number(),
})
export type GrantRow = z.infer<typeof GrantRow>

export const grantRow = (grant: Grant, registry: Registry, now: Date): GrantRow => ({
  ...grant,
  services: [...grant.services],
  by: { ...grant.by },
  command: registry.byId(grant.operation)?.chat ?? grant.operation,
  leftMs: Math.max(0, Date.parse(grant.until) - now.getTime()),
})

/** `restart jellyfin` */
export const whatOf = ({ command, services }: Pick<GrantRow, 'command' | 'services'>): string =>
  [command, ...services].join(' ')

/** To the minute: seconds of a right matter to nobody. */
export const left = ({ leftMs }: Pick<GrantRow, 'leftMs'>): string =>
  duration(Math.ceil(leftMs / 60_000) * 60_000)

export const grantTable = (grants: readonly GrantRow[]) => ({
  kind: 'table' as const,
  columns: [{ name: 'Grant' }, { name: 'Who' }, { name: 'What' }, { name: 'By' }, { name: 'For' }],
  rows: grants.map((grant) => [grant.id, grant.name, whatOf(grant), grant.by.name, left(grant)]),
})
