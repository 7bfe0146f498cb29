/** The Vault part of homelab.yaml: where the secrets are that are written `vault:mount/path#key`. */
import { z } from 'zod'
import { CaSource, CertificateFingerprint, oneOrMore, SecretRef, type TextSource } from './fields.ts'

const address = 'must be an https URL, such as https://vault.example.com:8200'
const VaultUrl = z
  .string(address)
  .regex(/^https?:\/\/[^\s?#@]+$/, address)
  .refine((text) => URL.canParse(text), address)
  .transform((text) => text.replace(/\/+$/, ''))

const notItself = 'opens Vault, so it cannot be in Vault: use "env:NAME" or "file:/path/to/it"'
const OwnSecret = SecretRef.refine((ref) => ref.from !== 'vault', notItself)
const OwnCa = CaSource.refine((source) => source.from !== 'vault', notItself)

const path = /^[A-Za-z0-9][\w.-]*(?:\/[A-Za-z0-9][\w.-]*)*$/

const AppRole = z.strictObject({
  role_id: z
    .string()
    .min(1)
    .transform((text): TextSource => {
      const ref = SecretRef.safeParse(text)
      return ref.success ? ref.data : { from: 'text', text }
    })
    .refine((source) => source.from !== 'vault', notItself)
    .describe('Its role_id, or where that is: env:NAME or file:/path'),
  secret_id: OwnSecret.describe('Where its secret_id is: env:NAME or file:/path'),
  mount: z.string().regex(path, 'must be the path of an auth method, such as approle').default('approle'),
})

const isLoopback = (url: string): boolean =>
  URL.canParse(url) && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(new URL(url).hostname)

export const Vault = z
  .strictObject({
    url: VaultUrl.describe('Where HashiCorp Vault or OpenBao answers: https, or http on this machine'),
    namespace: z
      .string()
      .regex(path, 'must be a namespace, such as team/homelab')
      .optional()
      .describe('Namespace of Vault, where there are some'),
    token: OwnSecret.optional().describe(
      'A token of Vault: env:NAME or file:/path; renewed as long as it can be',
    ),
    approle: AppRole.optional().describe(
      'Instead of a token: a log-in of its own, made again when it is over',
    ),
    ca: OwnCa.optional().describe(
      'The authority that signed its certificate: file:/path, env:NAME or the PEM text',
    ),
    fingerprint: oneOrMore(CertificateFingerprint)
      .optional()
      .describe('SHA-256 of its certificate; anything else is refused'),
    insecure: z
      .boolean()
      .default(false)
      .describe('Also http to another machine: whoever is on the way can read every secret'),
  })
  .refine((section) => (section.token === undefined) !== (section.approle === undefined), {
    error: 'needs exactly one of "token" and "approle"',
  })
  .refine(({ url, insecure }) => insecure || !url.startsWith('http:') || isLoopback(url), {
    error:
      'must be https: over http everybody on the way can read the secrets. "insecure: true" allows it all the same',
    path: ['url'],
  })

export type VaultSettings = Readonly<z.output<typeof Vault>>

/** The paths of all references to Vault in what was read, to say where they stand. */
export function vaultReferences(
  value: unknown,
  at: readonly (string | number)[] = [],
): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return []
  if ('from' in value && value.from === 'vault' && 'name' in value) return [[...at]]
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return entries.flatMap(([key, each]) => vaultReferences(each, [...at, key]))
}
