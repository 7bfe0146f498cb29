/** The alerts part of homelab.yaml: who may tell us what, who is told of it, and when not. */
import { z } from 'zod'
import { severities } from '../alerts/types.ts'
import { Address, CaSource, CertificateFingerprint, Duration, Name, oneOrMore, SecretRef } from './fields.ts'
import { Selector } from './rights-schema.ts'

export const alertSources = ['alertmanager', 'grafana', 'proxmox', 'kuma', 'generic'] as const
export type AlertSourceKind = (typeof alertSources)[number]

const address = 'must be an http or https URL, such as http://192.168.1.130:9093'
const Url = z
  .string(address)
  .regex(/^https?:\/\/[^\s?#@]+$/, address)
  .refine((text) => URL.canParse(text), address)
  .transform((text) => text.replace(/\/+$/, ''))

const Source = z
  .strictObject({
    kind: z.enum(alertSources).optional().describe('What it is; default: its own name'),
    secret: SecretRef.describe(
      'What it shows with each message, as a bearer token or as the password of its login: at least 16 characters',
    ),
    url: Url.optional().describe(
      'Of an Alertmanager: it is asked every minute what fires, and takes our silences',
    ),
    token: SecretRef.optional().describe('With "url": of a proxy before it that asks for a bearer token'),
    login: z
      .strictObject({ user: z.string().regex(/^[^\s:]+$/, 'must be a user name'), password: SecretRef })
      .optional()
      .describe('With "url": when it, or a proxy before it, asks for a name and a password'),
    fingerprint: CertificateFingerprint.optional().describe('SHA-256 of its certificate, when it is its own'),
    ca: CaSource.optional(),
    watchdog: z
      .strictObject({
        alert: z.string().min(1).default('Watchdog').describe('The alert that always fires'),
        after: Duration.default(600_000).describe('It is missed after this long; default 10m'),
      })
      .optional()
      .describe('Its silence is an alert: whoever should tell us is dead'),
  })
  .refine(
    ({ url, token, login, fingerprint, ca }) => url !== undefined || !(token ?? login ?? fingerprint ?? ca),
    {
      error: 'needs "url" for "token", "login", "fingerprint" and "ca"',
    },
  )
  .refine(({ token, login }) => token === undefined || login === undefined, {
    error: 'takes "token" or "login", not both',
  })

const Escalation = z.strictObject({
  after: Duration.describe('Without an acknowledgement for so long, such as 15m'),
  to: Name.optional().describe('A channel of this file; default: where it was told first'),
  people: z.array(Name).default([]).describe('Who is mentioned, by name of "people"'),
})

const Route = z.strictObject({
  severity: oneOrMore(z.enum(severities)).optional().describe('Default: all'),
  services: z.array(Selector).min(1).optional().describe('Services, guests, @stack or @all; default: all'),
  sources: z.array(Name).min(1).optional().describe('Default: all'),
  to: oneOrMore(Name).optional().describe('Channels of this file; default: those with "ops"'),
  drop: z.boolean().default(false).describe('Nobody is told: it is only in `alert list`'),
  escalate: Escalation.optional(),
})

const time = 'must be a time of day, such as 23:00'
const TimeOfDay = z.string(time).regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, time)

const Quiet = z
  .strictObject({
    from: TimeOfDay,
    to: TimeOfDay,
    except: z
      .array(z.enum(severities))
      .default(['critical'])
      .describe('What is told all the same; default: critical'),
  })
  .refine(({ from, to }) => from !== to, { error: '"from" and "to" must not be the same' })

const Remedy = z.strictObject({
  alert: z
    .string()
    .min(1)
    .optional()
    .describe('Name of the alert, such as PlexDown; default: that it is down'),
  services: z.array(Selector).min(1).describe('Services, guests, @stack or @all'),
  run: z.enum(['restart', 'start']).default('restart'),
  after: Duration.default(120_000).describe('How long it must have been so; default 2m'),
  at_most: z.int().min(1).max(24).default(2).describe('Times a day for each service; then a person must'),
})

export const Alerts = z.strictObject({
  sources: z
    .record(Name, Source)
    .optional()
    .describe('Who may tell us: each has an address and a secret of its own'),
  listen: z
    .strictObject({ host: Address, port: z.int().min(0).max(65_535) })
    .optional()
    .describe('A second address for what sources send, and nothing else; default: only that of the console'),
  routes: z
    .array(Route)
    .default([])
    .describe('Who is told: the first that fits counts; default: the "ops" channels'),
  quiet: Quiet.optional().describe(
    'Quiet hours, in the time zone of this file: told in one card when they end',
  ),
  remedies: z.array(Remedy).default([]).describe('What is done without asking, and how often'),
  ping: z
    .strictObject({ url: SecretRef, every: Duration.default(60_000) })
    .optional()
    .describe(
      'An address that is called while all is well with us: whoever misses it knows that we are dead',
    ),
})

export type AlertsSettings = Omit<Readonly<z.output<typeof Alerts>>, 'sources'> & {
  readonly sources: readonly AlertSourceEntry[]
}
export type AlertSourceEntry = Readonly<Omit<z.output<typeof Source>, 'kind'>> & {
  readonly name: string
  readonly kind: AlertSourceKind
}
export type AlertRoute = Readonly<z.output<typeof Route>>
export type Remedy = Readonly<z.output<typeof Remedy>>
export type QuietHours = Readonly<z.output<typeof Quiet>>
