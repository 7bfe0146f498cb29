/** What is used of each answer of Cloudflare's API, and no more. Of a tunnel's configuration nothing is dropped: see `Configuration`. */
import { z } from 'zod'
import { isObject } from './rules.ts'
import type { RawObject } from './types.ts'

const text = z.string().catch('')
const optionalText = z.string().nullish().catch(undefined)

const Problem = z.object({
  code: z.int().catch(0),
  message: text,
  /** A vague error's reasons: `DNS Validation Error` says nothing by itself. */
  error_chain: z.array(z.object({ code: z.int().catch(0), message: text })).catch([]),
})

export const Envelope = z.object({
  success: z.boolean(),
  errors: z.array(Problem).nullish().catch([]),
  result: z.unknown().optional(),
  result_info: z
    .object({ total_count: z.int().optional().catch(undefined) })
    .nullish()
    .catch(undefined),
})
export type Envelope = z.infer<typeof Envelope>

export const TunnelBody = z.object({
  id: z.string(),
  name: text,
  status: z.enum(['inactive', 'degraded', 'healthy', 'down']).catch('inactive'),
  created_at: text,
  /** Older tunnels have only the second. */
  config_src: z.enum(['local', 'cloudflare']).optional().catch(undefined),
  remote_config: z.boolean().optional().catch(undefined),
  connections: z.array(z.unknown()).nullish().catch([]),
})
export type TunnelBody = z.infer<typeof TunnelBody>

export const ConnectorBody = z.object({
  id: z.string(),
  version: text,
  arch: optionalText,
  run_at: optionalText,
  config_version: z.int().nullish().catch(undefined),
  conns: z
    .array(
      z.object({
        colo_name: text,
        origin_ip: optionalText,
        opened_at: optionalText,
        is_pending_reconnect: z.boolean().catch(false),
      }),
    )
    .nullish()
    .catch([]),
})
export type ConnectorBody = z.infer<typeof ConnectorBody>

const Raw = z.custom<RawObject>(isObject, 'it is no object')

export const Configuration = z.object({
  /** Without it nobody could tell that another write came between. */
  version: z.int(),
  source: text,
  /** Null before the first write, and for a tunnel whose rules are in a file. */
  config: Raw.nullish(),
})
export type Configuration = z.infer<typeof Configuration>
/** Rules of another form than an object are not passed over in silence: a PUT would lose them. */
export const Rules = z.array(Raw).nullish()

export const ZoneBody = z.object({
  id: z.string(),
  name: z.string(),
  status: text,
  account: z.object({ id: text }).catch({ id: '' }),
})

export const RecordBody = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  content: text,
  proxied: z.boolean().catch(false),
  ttl: z.int().catch(1),
  comment: optionalText,
  modified_on: optionalText,
})
export type RecordBody = z.infer<typeof RecordBody>

export const AppBody = z.object({
  id: z.string(),
  name: text,
  type: text,
  domain: text,
  aud: text,
  self_hosted_domains: z.array(z.string()).nullish().catch([]),
  /** What took the place of `self_hosted_domains`. */
  destinations: z
    .array(z.object({ type: text, uri: optionalText }))
    .nullish()
    .catch([]),
  tags: z.array(z.string()).nullish().catch(undefined),
  policies: z.array(z.custom<RawObject>(isObject)).nullish().catch([]),
})
export type AppBody = z.infer<typeof AppBody>

export const OrganizationBody = z.object({ auth_domain: optionalText })
export const VerifyBody = z.object({ status: text })
