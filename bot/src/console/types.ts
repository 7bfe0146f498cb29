import type { Caller, Operation, RunHistory, Secret, Services } from '@homelab/core'
import { z } from 'zod'
import type { Desk } from '../chat/types.ts'

/** `loopback`: whoever reaches this machine's own address is its owner. `token`: everybody else shows one. */
export type Login = { readonly kind: 'loopback' } | { readonly kind: 'token'; readonly token: Secret }

export interface ConsoleOptions {
  readonly desk: Desk
  readonly runs: RunHistory
  readonly glance: GlanceSource
  /** The operations that this caller is offered, for the help page. */
  readonly commands: (caller: Caller) => readonly Operation[]
  /** Who types here. */
  readonly caller: Caller
  readonly about: Services['about']
  readonly login: Login
  /** Host names, with or without a port, that the console is reached by besides this machine's own. */
  readonly hosts?: readonly string[]
  /** Signs the session cookies: kept by the owner of the state, sessions outlive a restart. At least 32 bytes. */
  readonly sessionKey?: Uint8Array
  /** Told of every error that nobody foresaw. */
  readonly onBug?: (error: unknown) => void
  readonly now?: () => Date
}

/**
 * The lab in one look: the part of the output of `status` that the console shows.
 * Bytes, shares of 0 to 1; a storage's `warn` and `crit` are percent.
 */
export const Glance = z.object({
  nodes: z.array(
    z.object({
      node: z.string(),
      status: z.string(),
      cpu: z.number(),
      mem: z.number(),
      maxmem: z.number(),
    }),
  ),
  storages: z.array(
    z.object({
      name: z.string(),
      used: z.number().optional(),
      total: z.number().optional(),
      warn: z.number(),
      crit: z.number(),
      problems: z.array(z.object({ severity: z.enum(['warning', 'error']), text: z.string() })),
    }),
  ),
  services: z.array(
    z.object({
      name: z.string(),
      stack: z.string(),
      /** Its guest's status; `missing` when there is none. */
      guest: z.string(),
      health: z.enum(['up', 'degraded', 'down', 'unknown', 'none']),
      detail: z.string(),
    }),
  ),
  /** What is wrong, worst first, with the command that would help. */
  problems: z.array(
    z.object({
      severity: z.enum(['warning', 'error']),
      what: z.string(),
      text: z.string(),
      command: z.string().optional(),
    }),
  ),
})
export type Glance = z.infer<typeof Glance>

export type GlanceSource = (signal: AbortSignal) => Promise<Glance>
