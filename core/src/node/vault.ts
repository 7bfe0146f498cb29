/** Secrets out of HashiCorp Vault or OpenBao: KV version 2, read when they are needed, kept in memory for a while. */
import { z } from 'zod'
import { HomelabError } from '../errors.ts'
import { refText } from '../inventory/fields.ts'
import type { VaultSettings } from '../inventory/vault-schema.ts'
import type { Clock } from '../ports.ts'
import type { Secret } from '../secret.ts'
import { createHttp } from './http.ts'
import { createVaultCalls, type VaultAnswer, VaultUnavailable } from './vault-calls.ts'
import {
  type After,
  createVaultSession,
  newToken,
  type OwnSecrets,
  type VaultWarning,
} from './vault-session.ts'

export interface VaultOptions {
  readonly settings: VaultSettings
  /** The secrets that open it. */
  readonly own: OwnSecrets
  readonly clock: Pick<Clock, 'monotonic'>
  /** Default: a timer that keeps no process alive. */
  readonly after?: After
  readonly warn: VaultWarning
}

export interface Vault {
  /**
   * @param name `<mount>/<path>#<key>`
   * @param maxAgeMs how old what it said before may be
   * @throws HomelabError `config` when it is not there, `unauthorised`, `unreachable`, `timeout`, `untrusted`
   */
  read(name: string, maxAgeMs?: number): Promise<string>
  /** Its own tokens, for redaction. */
  tokens(): readonly Secret[]
  close(): Promise<void>
}

/** Milliseconds after which a value is asked for again, so that a rotated one is seen. */
const FRESH_MS = 60_000
/** For how long a value is used while Vault does not answer: a desk that is up can help to get it up. */
const KEPT_MS = 600_000
/** Between two questions while it does not answer and there is a kept value. */
const RETRY_MS = 5_000

const Read = z.object({ data: z.object({ data: z.record(z.string(), z.unknown()) }) })
const Gone = z.object({
  data: z.object({
    metadata: z.object({ version: z.int(), deletion_time: z.string().catch(''), destroyed: z.boolean() }),
  }),
})

interface Place {
  readonly mount: string
  readonly path: string
  readonly key: string
}

interface Kept {
  readonly at: number
  readonly values: Readonly<Record<string, unknown>>
}

function placeOf(name: string): Place {
  const [place = '', key = 'value'] = name.split('#')
  const slash = place.indexOf('/')
  return { mount: place.slice(0, slash), path: place.slice(slash + 1), key }
}

const unrefTimer: After = (ms, work) => {
  const timer = setTimeout(work, ms).unref()
  return () => clearTimeout(timer)
}

export function createVault({ settings, own, clock, after = unrefTimer, warn }: VaultOptions): Vault {
  const { url, namespace, ca, fingerprint } = settings
  const kept = new Map<string, Kept>()
  const pending = new Map<string, Promise<Kept>>()
  let failedAt = -Infinity
  let saidDown = false

  // At the first use: the certificate of its authority may be in a file.
  const open = once(async () => {
    const http = createHttp({
      ...(ca === undefined ? {} : { ca: await own.text(ca) }),
      ...(fingerprint === undefined ? {} : { fingerprint }),
    })
    const calls = createVaultCalls({ http, url, namespace })
    return { http, calls, session: createVaultSession({ calls, settings, own, clock, after, warn }) }
  })
  let tokens = (): readonly Secret[] => []
  let close = async () => {}

  async function ask(place: Place): Promise<Kept> {
    const { calls, session, http } = await open()
    tokens = session.tokens
    close = async () => {
      session.stop()
      await http.close()
    }
    const path = `${place.mount}/data/${place.path.split('/').map(encodeURIComponent).join('/')}`
    const token = await session.token()
    let answer = await calls.get(path, token)
    if (answer.status === 403) {
      const fate = await session.refused(token, answer.errors)
      if (fate !== 'gone') throw forbidden(place, fate === 'unknown')
      const next = await session.token()
      if (next.reveal() === token.reveal()) throw notAccepted(calls.place, settings)
      answer = await calls.get(path, next)
      if (answer.status === 403) throw forbidden(place, false)
    }
    const parsed = Read.safeParse(answer.body)
    if (answer.status !== 200 || !parsed.success) throw missing(place, answer)
    return { at: clock.monotonic(), values: parsed.data.data.data }
  }

  /** One question for all that ask for this path at the same time. */
  function shared(place: Place, id: string): Promise<Kept> {
    const under = pending.get(id)
    if (under !== undefined) return under
    const asked = ask(place).finally(() => pending.delete(id))
    pending.set(id, asked)
    return asked
  }

  async function valuesOf(place: Place, maxAgeMs: number): Promise<Kept['values']> {
    const id = `${place.mount}/${place.path}`
    const old = kept.get(id)
    const now = clock.monotonic()
    const usable = old !== undefined && now - old.at < KEPT_MS
    if (usable && (now - old.at < maxAgeMs || now - failedAt < RETRY_MS)) return old.values
    try {
      const fresh = await shared(place, id)
      kept.set(id, fresh)
      saidDown = false
      failedAt = -Infinity
      return fresh.values
    } catch (error) {
      if (!(error instanceof VaultUnavailable)) {
        // What it does not give any more is not to be used any more.
        kept.delete(id)
        throw error
      }
      failedAt = clock.monotonic()
      if (!usable) throw error
      if (!saidDown)
        warn({
          place: `Vault at ${url}`,
          why: `${error.message}. What it said before is used for up to ${KEPT_MS / 60_000} minutes. ${error.hint ?? ''}`.trim(),
        })
      saidDown = true
      return old.values
    }
  }

  return {
    async read(name, maxAgeMs = FRESH_MS) {
      const place = placeOf(name)
      return textOf(place, await valuesOf(place, maxAgeMs))
    },
    tokens: () => tokens(),
    close: () => close(),
  }
}

/** Made at the first call; made again after a failure. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined
      throw error
    })
    return made
  }
}

function textOf(place: Place, values: Kept['values']): string {
  const { mount, path, key } = place
  const value = Object.hasOwn(values, key) ? values[key] : undefined
  if (value === undefined) {
    const keys = Object.keys(values)
    throw new HomelabError('config', `Vault has ${mount}/${path}, but no key "${key}" in it`, {
      hint:
        keys.length === 0
          ? 'It is empty.'
          : `It has ${keys.slice(0, 8).join(', ')}: write the key after "#".`,
      data: { ref: refOf(place) },
    })
  }
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text === 'string' && text.replace(/\r?\n$/, '') !== '') return text.replace(/\r?\n$/, '')
  throw new HomelabError(
    'config',
    `${refOf(place)} is ${text === '' || typeof text === 'string' ? 'empty' : 'not a text'}`,
    {
      data: { ref: refOf(place) },
    },
  )
}

const refOf = ({ mount, path, key }: Place): string =>
  refText({ from: 'vault', name: `${mount}/${path}#${key}` })

function forbidden(place: Place, unknown: boolean): HomelabError {
  const { mount, path } = place
  return new HomelabError(
    'unauthorised',
    unknown
      ? `Vault refuses ${refOf(place)}: the token is not good any more, or its policy does not allow it`
      : `Vault refuses ${refOf(place)}: the policy does not allow it`,
    {
      hint: `The policy needs: path "${mount}/data/${path}" { capabilities = ["read"] }`,
      data: { ref: refOf(place) },
    },
  )
}

function notAccepted(place: string, { token, approle }: VaultSettings): HomelabError {
  const ref = token ?? approle?.secret_id
  return new HomelabError(
    'unauthorised',
    `${place} does not accept the token of ${ref === undefined ? '"vault"' : refText(ref)}: it is over or was revoked`,
    { hint: newToken },
  )
}

function missing(place: Place, { status, errors, body }: VaultAnswer): HomelabError {
  const { mount, path, key } = place
  const data = { ref: refOf(place), status, errors }
  const put = `vault kv put -mount=${mount} ${path} ${key}=-`
  const gone = Gone.safeParse(body)
  if (gone.success) {
    const { version, deletion_time: at, destroyed } = gone.data.data.metadata
    return destroyed
      ? new HomelabError('config', `Version ${version} of ${mount}/${path} in Vault was destroyed`, {
          hint: `Write another one: \`${put}\` (it reads the value from what you type).`,
          data,
        })
      : new HomelabError(
          'config',
          `Version ${version} of ${mount}/${path} in Vault was deleted${at === '' ? '' : ` at ${at.slice(0, 19)}Z`}`,
          {
            hint: `Get it back: \`vault kv undelete -mount=${mount} -versions=${version} ${path}\`.`,
            data,
          },
        )
  }
  if (status === 404)
    return new HomelabError(
      'config',
      `Vault has nothing at ${mount}/${path}${errors === '' ? '' : `: ${errors}`}`,
      {
        hint: `Write it: \`${put}\`. "${mount}" must be a KV engine of version 2: \`vault secrets list -detailed\` shows that.`,
        data,
      },
    )
  return new HomelabError(
    'failed',
    `Vault answers ${status} for ${mount}/${path}${errors === '' ? '' : `: ${errors}`}`,
    {
      hint: `"${mount}" must be a KV engine of version 2: \`vault secrets list -detailed\` shows that.`,
      data,
    },
  )
}
