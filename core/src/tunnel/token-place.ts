/** Where a cloudflared reads its token or its credentials from, and how a new one is put there. Never on a command line. */
import { HomelabError } from '../errors.ts'
import { Secret } from '../secret.ts'
import { fromBase64 } from './base64.ts'
import { type ConnectorPlace, must, unit } from './connector.ts'

export interface TokenPlace {
  /** `token`: nothing else in the file. `setting`: in a line of a unit or an environment file. `credentials`: JSON. */
  readonly kind: 'token' | 'setting' | 'credentials'
  readonly path: string
  /** The file is a unit: systemd has to read it anew. */
  readonly reload: boolean
}

/** A token is base64 of JSON, and none begins otherwise. */
const token = /\beyJ[A-Za-z0-9+/_-]{20,}={0,2}/g

/**
 * Out of `systemctl cat`: each file's text behind a line `# /path`. What comes later counts, and an empty setting takes back
 * what was said before, as with systemd; a token in the command or in the environment counts before a file of it, as with
 * cloudflared.
 */
export function tokenPlaceIn(unitText: string): TokenPlace | undefined {
  let path = ''
  let command: TokenPlace | undefined
  let variable: TokenPlace | undefined
  let file: TokenPlace | undefined
  // A line that ends with a backslash goes on in the next.
  for (const line of unitText.replaceAll(/\\\n/g, ' ').split('\n')) {
    path = /^# (\/\S+)\s*$/.exec(line)?.[1] ?? path
    const [, key, value = ''] = /^\s*(ExecStart|Environment|EnvironmentFile)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    const here: TokenPlace | undefined = path === '' ? undefined : { kind: 'setting', path, reload: true }
    if (key === 'ExecStart') {
      const read = /--token-file[= ]("?)(\/[^\s"]+)\1(?=\s|$)/.exec(value)?.[2]
      if (value === '') command = undefined
      else if (/--token[= ]/.test(value)) command = here
      else if (read !== undefined) command = { kind: 'token', path: read, reload: false }
    } else if (key === 'Environment') {
      if (value === '') variable = undefined
      else if (/\bTUNNEL_TOKEN=/.test(value)) variable = here
    } else if (key === 'EnvironmentFile') {
      const named = /^-?(\/\S+)/.exec(value)?.[1]
      if (value === '') file = undefined
      else if (named !== undefined) file = { kind: 'setting', path: named, reload: false }
    }
  }
  return command?.kind === 'setting' ? command : (variable ?? command ?? file)
}

/** @param config path of config.yml when the tunnel is managed there @throws HomelabError `config` */
export async function findTokenPlace(
  { name, shell }: ConnectorPlace,
  config: string | undefined,
  signal: AbortSignal,
): Promise<TokenPlace> {
  if (config !== undefined) {
    const text = await must(shell, ['cat', '--', config], `Reading ${config} in ${name}`, { signal })
    const path = /^\s*credentials-file:\s*["']?(\/[^\s"'#]+)/m.exec(text)?.[1]
    if (path !== undefined) return { kind: 'credentials', path, reload: false }
    throw new HomelabError('config', `${config} in ${name} names no credentials-file.`, {
      hint: 'Without one it is not known where the new secret belongs.',
    })
  }
  // Its answer may hold the token: it is neither logged nor kept.
  const text = await must(shell, ['systemctl', 'cat', unit], `Reading the unit of cloudflared in ${name}`, {
    signal,
  })
  const place = tokenPlaceIn(text)
  if (place !== undefined) return place
  throw new HomelabError('config', `It is not known where cloudflared in ${name} reads its token.`, {
    hint: 'Its unit names neither --token-file, --token, TUNNEL_TOKEN nor an EnvironmentFile. Give it one of these.',
  })
}

/** What Cloudflare gives for `cloudflared tunnel run --token`, and the id of the tunnel that it is for. */
export interface TunnelToken {
  readonly tunnel: string
  readonly token: Secret
}

/**
 * Whether a new token will find its place: tried with the one of now, and nothing is written.
 * @throws HomelabError `config` that says what is not as it has to be
 */
export async function tryToken(
  { name, shell }: ConnectorPlace,
  { kind, path }: TokenPlace,
  now: TunnelToken,
  signal?: AbortSignal,
): Promise<void> {
  const options = signal === undefined ? {} : { signal }
  const before = await must(shell, ['cat', '--', path], `Reading ${path} in ${name}`, options)
  const content = contentOf(kind, before, now)
  if (content instanceof Secret) return
  throw new HomelabError(
    'config',
    `A new token would not find its place in ${path} in ${name}: ${content.why}.`,
    {
      hint: 'Nothing was changed. Put the token of this tunnel there (`cloudflared tunnel token`), or correct where cloudflared reads it.',
    },
  )
}

/** Puts the new token there, whole or not at all; owner and mode stay. May be done twice. */
export async function writeToken(
  { name, shell }: ConnectorPlace,
  { kind, path, reload }: TokenPlace,
  fresh: TunnelToken,
): Promise<void> {
  const before = await must(shell, ['cat', '--', path], `Reading ${path} in ${name}`)
  const after = contentOf(kind, before, fresh)
  if (!(after instanceof Secret))
    throw new HomelabError('failed', `The new token cannot be put into ${path} in ${name}: ${after.why}.`, {
      hint: '`cloudflared tunnel token` prints it: put it there by hand and restart cloudflared. The old one is no longer good.',
    })
  const next = `${path}.homelab-new`
  await must(shell, ['cp', '-p', '--', path, next], `Copying ${path} in ${name}`)
  try {
    // tee repeats what it writes: that goes nowhere.
    await must(shell, ['tee', '--', next], `Writing ${next} in ${name}`, { stdin: after.reveal() })
    await must(shell, ['mv', '-T', '--', next, path], `Renaming ${next} in ${name}`)
  } catch (error) {
    await shell.exec(['rm', '-f', '--', next]).catch(() => undefined)
    throw error
  }
  if (reload) await must(shell, ['systemctl', 'daemon-reload'], `Reading units anew in ${name}`)
}

/** The file with the token in it, or why there is no place for it. */
function contentOf(
  kind: TokenPlace['kind'],
  before: string,
  { tunnel, token: fresh }: TunnelToken,
): Secret | { readonly why: string } {
  const isOf = (text: unknown) => typeof text === 'string' && text.toLowerCase() === tunnel.toLowerCase()
  if (kind === 'token')
    return isOf(partsOf(before)?.t)
      ? new Secret(`${fresh.reveal()}\n`)
      : { why: 'what is in it is no token of this tunnel' }
  if (kind === 'setting') {
    // Other tokens are written alike.
    const isOurs = (text: string) => isOf(partsOf(text)?.t)
    if (!(before.match(token) ?? []).some(isOurs)) return { why: 'no token of this tunnel stands in it' }
    return new Secret(before.replaceAll(token, (text) => (isOurs(text) ? fresh.reveal() : text)))
  }
  const secret = partsOf(fresh.reveal())?.s
  if (typeof secret !== 'string') return { why: 'Cloudflare gave one of another form' }
  try {
    const credentials = JSON.parse(before) as { readonly TunnelID?: unknown }
    if (!isOf(credentials.TunnelID)) return { why: 'it is of another tunnel' }
    return new Secret(`${JSON.stringify({ ...credentials, TunnelSecret: secret })}\n`)
  } catch {
    // The parser's own message would quote the file.
    return { why: 'it is no JSON' }
  }
}

/** A connector's token, opened: the tunnel's id and its secret in base64. */
function partsOf(text: string): { readonly t?: unknown; readonly s?: unknown } | undefined {
  const plain = text.trim().replaceAll('-', '+').replaceAll('_', '/')
  try {
    const parts: unknown = JSON.parse(fromBase64(plain) ?? '')
    return typeof parts === 'object' && parts !== null ? parts : undefined
  } catch {
    return undefined
  }
}
