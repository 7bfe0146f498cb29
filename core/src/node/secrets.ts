/** Secrets by reference: environment variables, files and Vault, read when they are needed. */
import { open } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { HomelabError } from '../errors.ts'
import { refText, type SecretRef, type TextSource } from '../inventory/fields.ts'
import type { VaultSettings } from '../inventory/vault-schema.ts'
import { redact, Secret } from '../secret.ts'
import { systemClock } from './clock.ts'
import { createVault, type Vault, type VaultOptions } from './vault.ts'
import type { VaultWarning } from './vault-session.ts'

interface SecretFile {
  readonly text: string
  /** Permission bits. */
  readonly mode: number
}

export interface SecretsOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** @throws errors with Node's codes: ENOENT, EACCES, … */
  readonly readFile?: (path: string) => Promise<SecretFile>
  /** Where Vault is, asked at each use, so that a reload counts. */
  readonly vault?: () => VaultSettings | undefined
  /** Its clock and timers. */
  readonly vaultTime?: Pick<VaultOptions, 'clock' | 'after'>
}

export interface Secrets {
  /**
   * Read anew each time, so that a rotated secret is picked up; one of Vault after a minute, or at once when it is
   * `refused` by whom it was shown to. One newline at the end is not part of it.
   * @throws HomelabError `config`: not set, empty, no such file, or a file that others can read; what Vault says
   */
  resolve(ref: SecretRef, options?: { readonly refused?: boolean }): Promise<Secret>
  /** A text that is no secret, such as a CA certificate: its file may be readable by all. */
  text(source: TextSource): Promise<string>
  /** All that were resolved so far, for redaction. */
  known(): readonly Secret[]
  /** Takes all that were resolved so far out of a text. */
  redact(text: string): string
  /**
   * Called with what somebody should do before Vault gives no secrets any more, also with what came before anybody
   * listened. Returns the way to stop that.
   */
  onWarning(listener: VaultWarning): () => void
}

const maxBytes = 1024 * 1024

export function createSecrets(options: SecretsOptions): Secrets {
  const { env, readFile = readSmallFile } = options
  const known = new Map<string, Secret>()
  const listeners = new Set<VaultWarning>()
  let untold: Parameters<VaultWarning>[0][] = []
  let open: { readonly of: string; readonly vault: Vault } | undefined

  const vaultNow = (ref: SecretRef): Vault => {
    const settings = options.vault?.()
    if (settings === undefined)
      throw new HomelabError('config', `${refText(ref)} is in Vault, but nothing says where that is`, {
        hint: 'Add "vault" to homelab.yaml; docs/configuration.md has the lines.',
      })
    // There is no secret in them, only where they are.
    const of = JSON.stringify(settings)
    if (open?.of !== of) {
      void open?.vault.close()
      const vault = createVault({
        settings,
        own: { resolve, text },
        clock: systemClock,
        ...options.vaultTime,
        warn: (facts) => {
          if (listeners.size === 0) untold.push(facts)
          for (const listener of listeners) listener(facts)
        },
      })
      open = { of, vault }
    }
    return open.vault
  }

  const read = async (ref: SecretRef, secret: boolean, refused = false): Promise<string> => {
    if (ref.from === 'vault') return vaultNow(ref).read(ref.name, refused ? 0 : undefined)
    if (ref.from === 'env') return variable(ref, env)
    const path = ref.name.startsWith('~/') ? join(env.HOME ?? homedir(), ref.name.slice(2)) : ref.name
    let file: SecretFile
    try {
      file = await readFile(path)
    } catch (error) {
      throw unreadable(ref, path, error)
    }
    if (secret && (file.mode & 0o006) !== 0 && !modeIsNotOurs(path)) {
      throw new HomelabError(
        'config',
        `${path} holds a secret, but every user of this machine can read or change it`,
        {
          hint: `chmod 600 ${path}`,
          data: { ref: refText(ref), mode: (file.mode & 0o777).toString(8) },
        },
      )
    }
    const text = file.text.replace(/\r?\n$/, '')
    if (text === '') throw new HomelabError('config', `${path} is empty`, { data: { ref: refText(ref) } })
    return text
  }

  const resolve: Secrets['resolve'] = async (ref, { refused } = {}) => {
    const value = await read(ref, true, refused)
    const secret = known.get(value) ?? new Secret(value)
    known.set(value, secret)
    return secret
  }
  const text: Secrets['text'] = async (source) => (source.from === 'text' ? source.text : read(source, false))
  const all = (): readonly Secret[] => [...known.values(), ...(open?.vault.tokens() ?? [])]

  return {
    resolve,
    text,
    known: all,
    // Longest first: a secret that holds another one must not leave its rest behind.
    redact: (clean) =>
      redact(
        clean,
        all().toSorted((a, b) => b.reveal().length - a.reveal().length),
      ),
    onWarning: (listener) => {
      listeners.add(listener)
      for (const facts of untold) listener(facts)
      untold = []
      return () => listeners.delete(listener)
    },
  }
}

/** Docker mounts its secrets world-readable inside the container, and Windows has no such bits. */
const modeIsNotOurs = (path: string): boolean =>
  path.startsWith('/run/secrets/') || process.platform === 'win32'

function variable(ref: SecretRef, env: SecretsOptions['env']): string {
  const value = env[ref.name]?.replace(/\r?\n$/, '')
  if (value !== undefined && value !== '') return value
  const problem = value === undefined ? 'is not set' : 'is empty'
  throw new HomelabError('config', `The environment variable ${ref.name} ${problem}`, {
    hint: `homelab.yaml refers to it as ${refText(ref)}: set it where this program is started.`,
    data: { ref: refText(ref) },
  })
}

function unreadable(ref: SecretRef, path: string, error: unknown): HomelabError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'does not exist',
    EACCES: 'may not be read by this user',
    EISDIR: 'is a folder',
    EFBIG: 'is too big for a secret',
  }
  return new HomelabError(
    'config',
    `${path} ${reasons[code] ?? `cannot be read (${code || 'unknown error'})`}`,
    {
      hint: `homelab.yaml refers to it as ${refText(ref)}.`,
      data: { ref: refText(ref) },
      cause: error,
    },
  )
}

/** Mode and text of the same open file, so that it cannot be exchanged in between. */
async function readSmallFile(path: string): Promise<SecretFile> {
  await using file = await open(path, 'r')
  const { mode, size } = await file.stat()
  if (size > maxBytes) throw Object.assign(new Error('too big'), { code: 'EFBIG' })
  return { text: await file.readFile('utf8'), mode }
}
