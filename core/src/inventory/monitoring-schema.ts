/** The monitoring part of homelab.yaml: where Prometheus is. */
import { z } from 'zod'
import { AbsolutePath, Address, CaSource, CertificateFingerprint, SecretRef } from './fields.ts'

const address = 'must be an http or https URL, such as http://192.168.1.130:9090'

const Prometheus = z
  .strictObject({
    url: z
      .string(address)
      .regex(/^https?:\/\/[^\s?#@]+$/, address)
      .refine((text) => URL.canParse(text), address)
      .transform((text) => text.replace(/\/+$/, ''))
      .describe('Where Prometheus is opened, without a login in it'),
    token: SecretRef.optional().describe('Of a proxy before it that asks for a bearer token'),
    login: z
      .strictObject({ user: z.string().regex(/^[^\s:]+$/, 'must be a user name'), password: SecretRef })
      .optional()
      .describe('When it, or a proxy before it, asks for a name and a password'),
    fingerprint: CertificateFingerprint.optional().describe('SHA-256 of its certificate, when it is its own'),
    ca: CaSource.optional(),
    targets: AbsolutePath.optional().describe(
      'Folder of its container that it reads lists of targets from: where new services are put',
    ),
    rules: AbsolutePath.optional().describe('Folder of its container that it reads alert rules from'),
  })
  .refine(({ targets, rules }) => (targets === undefined) === (rules === undefined), {
    error: 'needs "targets" and "rules", or neither',
  })
  .refine(({ targets, rules }) => targets === undefined || targets !== rules, {
    error: '"targets" and "rules" must be two folders',
    path: ['rules'],
  })
  .refine(({ token, login }) => token === undefined || login === undefined, {
    error: 'takes "token" or "login", not both',
  })

const Metrics = z
  .strictObject({
    token: SecretRef.optional().describe('Asked for as a bearer token; needed where others can come'),
    listen: z
      .strictObject({ host: Address, port: z.int().min(0).max(65_535) })
      .optional()
      .describe('An address for them, and nothing else; default: that of the console'),
  })
  .refine(
    ({ token, listen }) =>
      token !== undefined || listen === undefined || /^(?:127\.|localhost$|::1$)/.test(listen.host),
    { error: 'needs "token": other machines can come to this address', path: ['listen'] },
  )

export const Monitoring = z.strictObject({
  prometheus: Prometheus.optional().describe(
    'Where measurements come from; without it, or for what it does not have: the records of Proxmox',
  ),
  metrics: Metrics.optional().describe(
    'Our own measurements, at /metrics; default: without a login, where nobody else can come',
  ),
})

export type MonitoringSettings = Readonly<z.output<typeof Monitoring>>
export type PrometheusSettings = Readonly<z.output<typeof Prometheus>>
