/** The small values of homelab.yaml: names, references to secrets, sizes, addresses. */
import { z } from 'zod'
import { parseDuration } from '../duration.ts'

/** Where a secret is, never what it is: safe to print. */
export interface SecretRef {
  readonly from: 'env' | 'file' | 'vault'
  /** The variable's name; a path that is absolute or starts with `~/`; or `<mount>/<path>#<key>` of Vault. */
  readonly name: string
}

/** A text that may stand in the file itself, such as a certificate. */
export type TextSource = SecretRef | { readonly from: 'text'; readonly text: string }

export const refText = (ref: SecretRef): string => `${ref.from}:${ref.name}`

const literalSecret =
  'must say where the secret is, not what it is. Put it in an environment variable and write ' +
  '"env:NAME", or in a file that only you can read and write "file:/path/to/it"'
const vaultForm =
  'must name a mount and a path of Vault, and the key when it is not "value": "vault:secret/homelab/proxmox#token"'
// A path with dots for names would be another one by the time that it is asked for.
const reference =
  /^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:(?:\/|~\/).+|vault:[A-Za-z0-9][\w.-]*(?:\/(?!\.\.?(?:[/#]|$))[^\s/#?%]+)+(?:#[^\s#]+)?)$/

function parseRef(text: string): SecretRef {
  const [from = 'env'] = (['env', 'file', 'vault'] as const).filter((kind) => text.startsWith(`${kind}:`))
  return { from, name: text.slice(from.length + 1) }
}

export const SecretRef = z
  .string(literalSecret)
  .regex(reference, {
    error: (issue) => (String(issue.input).startsWith('vault:') ? vaultForm : literalSecret),
  })
  .describe('Where the secret is: env:NAME, file:/path or vault:mount/path#key')
  .transform(parseRef)

const pemText =
  'must be "file:/path", "env:NAME", "vault:mount/path#key" or the certificate itself (-----BEGIN CERTIFICATE-----)'
export const CaSource = z
  .string(pemText)
  .regex(new RegExp(`${reference.source}|^\\s*-----BEGIN CERTIFICATE-----`), pemText)
  .describe("The authority that signed the nodes' certificates: file:/path, env:NAME or the PEM text")
  .transform((text): TextSource => (reference.test(text) ? parseRef(text) : { from: 'text', text }))

/** A name that a person types. Digits alone would be taken for a VMID. */
export const Name = z
  .string('must be a name')
  .regex(
    /^(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'must be a name of letters, digits, ".", "_" and "-" with at least one letter',
  )

export const NodeName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]*$/, 'must be the name of a Proxmox node')

const Vmid = z.int().min(100).max(999_999_999)

/** A guest by name or VMID. */
export const GuestName = z
  .union([Vmid, z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)], {
    error: 'must be the name or the VMID (100 or more) of a guest',
  })
  .transform((guest) => (typeof guest === 'string' && /^\d+$/.test(guest) ? Number(guest) : guest))

export const Port = z.int().min(1).max(65_535)

export const Address = z
  .string('must be an IP address or a host name')
  .regex(/^[A-Za-z0-9][A-Za-z0-9.:_-]*$|^::[A-Fa-f0-9:.]*$/, 'must be an IP address or a host name')

export const AbsolutePath = z
  .string('must be an absolute path')
  .regex(/^\/[^\0\n]*$/, 'must be an absolute path, such as /mnt/pve/tesla')

export const Hostname = z
  .string()
  .regex(
    /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/,
    'must be a full host name in lower case, such as plex.example.com',
  )

const httpsUrl = 'must be an https URL without a path, such as https://192.168.1.10:8006'
export const Endpoint = z
  .string(httpsUrl)
  .regex(/^https:\/\/[^/?#@\s]+\/?$/, httpsUrl)
  .refine((text) => URL.canParse(text), httpsUrl)
  .transform((text) => text.replace(/\/$/, ''))

const fingerprint = 'must be a SHA-256 fingerprint: 32 pairs of hex digits, as `pvenode cert info` prints it'
export const CertificateFingerprint = z
  .string(fingerprint)
  .regex(/^(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$|^[0-9A-Fa-f]{64}$/, fingerprint)
  .transform((text) => (text.replaceAll(':', '').toUpperCase().match(/../g) ?? []).join(':'))

const hostKey = 'must be a host key fingerprint, such as SHA256:… from `ssh-keygen -lf`'
export const HostKeyFingerprint = z.string(hostKey).regex(/^SHA256:[A-Za-z0-9+/]{43}=?$/, hostKey)

const units: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 }
const binaryUnits: Readonly<Record<string, number>> = {
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
}
const sizeText = 'must be a size, such as 1 TB or 512 GiB'
/** Bytes out of `48 TB` (decimal) or `512 GiB` (binary). */
export const Size = z
  .string(sizeText)
  .regex(/^\d+(?:\.\d+)? ?(?:[kKMGTP]i?)?B$/, sizeText)
  .transform((text) => {
    const [, amount = '0', prefix = '', binary] = /^([\d.]+) ?([kKMGTP]?)(i?)B$/.exec(text) ?? []
    const factor = (binary === 'i' ? binaryUnits : units)[prefix.toLowerCase()] ?? 1
    return Math.round(Number(amount) * factor)
  })

const scheduleText = 'must be hourly, daily, weekly, monthly or five cron fields, such as "30 3 * * *"'
export const Schedule = z
  .string(scheduleText)
  .regex(/^(?:hourly|daily|weekly|monthly|(?:[\d*/,A-Za-z-]+ +){4}[\d*/,A-Za-z-]+)$/, scheduleText)

export const Timezone = z
  .string()
  .regex(/^(?:UTC|[A-Z][A-Za-z_]+(?:\/[A-Za-z0-9_+-]+)+)$/, 'must be a time zone, such as Europe/Berlin')

const durationTextOf = 'must be a duration, such as 10m, 2h, 1h30m or 3d'
/** Milliseconds out of `1h30m`. */
export const Duration = z.string(durationTextOf).transform((text, context) => {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  context.issues.push({ code: 'custom', message: durationTextOf, input: text })
  return z.NEVER
})

export const OperationName = z
  .string()
  .regex(/^[a-z][a-z0-9 .-]*$/, 'must be an operation, such as restart or guest stop')

/** One or a list, always read as a list. */
export const oneOrMore = <T extends z.ZodType>(item: T) =>
  z.union([item, z.array(item).min(1)]).transform((value) => (Array.isArray(value) ? value : [value]))
