/** The n8n part of homelab.yaml: where it is, and which of its workflows may be started from a chat. */
import { z } from 'zod'
import { CaSource, CertificateFingerprint, Name, SecretRef } from './fields.ts'
import { Role } from './rights-schema.ts'

const address = 'must be an http or https URL, such as https://n8n.example.com'
const BaseUrl = z
  .string(address)
  .regex(/^https?:\/\/[^\s?#@]+$/, address)
  .refine((text) => URL.canParse(text), address)
  .transform((text) => text.replace(/\/+$/, ''))

const Workflow = z
  .strictObject({
    workflow: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('Its id in n8n (the end of its address there), or its name; default: the name here'),
    title: z.string().optional().describe('For people; default: its name in n8n'),
    role: Role.default('operator').describe('The lowest role that may start it'),
    confirm: z.boolean().default(false).describe('Ask before it is started'),
    webhook: z.string().optional().describe('Name of its Webhook node, when it has several'),
    header: z
      .string()
      .regex(/^[A-Za-z0-9-]+$/, 'must be the name of a header')
      .default('X-Homelab-Token')
      .describe('Header that its Webhook node asks for (Header Auth)'),
    token: SecretRef.optional().describe("That header's value: env:NAME or file:/path"),
  })
  .nullable()

export const N8n = z.strictObject({
  url: BaseUrl.describe('Where n8n is opened'),
  api_key: SecretRef.describe('Made in n8n under Settings, n8n API'),
  webhooks: BaseUrl.optional().describe('Where its webhooks are; default: url with /webhook'),
  fingerprint: CertificateFingerprint.optional().describe('SHA-256 of its certificate, when it is its own'),
  ca: CaSource.optional(),
  workflows: z
    .record(Name, Workflow)
    .default({})
    .describe('What may be started from here, by the name that one types; nothing else'),
})

type Written = z.output<typeof N8n>

export interface WorkflowEntry extends Readonly<NonNullable<Written['workflows'][string]>> {
  /** What one types. */
  readonly name: string
  /** Its id or its name in n8n. */
  readonly workflow: string
}

export interface N8nSettings extends Omit<Readonly<Written>, 'workflows' | 'webhooks'> {
  /** Without a slash at its end. */
  readonly webhooks: string
  readonly workflows: readonly WorkflowEntry[]
}

export const n8nSettings = ({ workflows, webhooks, ...access }: Written): N8nSettings => ({
  ...access,
  webhooks: webhooks ?? `${access.url}/webhook`,
  workflows: Object.entries(workflows).map(([name, written]) => {
    const entry = written ?? defaults
    return { ...entry, name, workflow: written?.workflow ?? name }
  }),
})

const defaults = { role: 'operator', confirm: false, header: 'X-Homelab-Token' } as const
