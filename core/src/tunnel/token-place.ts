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

/** Out of `systemctl cat`: each file's text behind a line `# /path`. */
export function tokenPlaceIn(unitText: string): TokenPlace | undefined {
  let path = ''
  let environment: string | undefined
  for (const line of unitText.split('\n')) {
    const file = /^# (\/\S+)\s*$/.exec(line)?.[1]
    if (file !== undefined) path = file
    const read = /--token-file[= ]("?)(\/[^\s"]+)\1/.exec(line)?.[2]
    if (read !== undefined) return { kind: 'token', path: read, reload: false }
    const isSetting = /^\s*(?:ExecStart=.*--token[= ]|Environment=.*\bTUNNEL_TOKEN=)/.test(line)
    if (isSetting && path !== '') return { kind: 'setting', path, reload: true }
    environment = /^\s*EnvironmentFile=-?(\/\S+)/.exec(line)?.[1] ?? environment
  }
  return environment === undefined ? undefined : { kind: 'setting', path: environment, reload: false }
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

/**
 * Puts the new token there, whole or not at all; owner and mode stay. May be done twice.
 * @param fresh what Cloudflare gives for `cloudflared tunnel run --token`
 */
export async function writeToken(
  { name, shell }: ConnectorPlace,
  { kind, path, reload }: TokenPlace,
  fresh: Secret,
): Promise<void> {
  const before = await must(shell, ['cat', '--', path], `Reading ${path} in ${name}`)
  const after = contentOf(kind, before, fresh, `${path} in ${name}`)
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

function contentOf(kind: TokenPlace['kind'], before: string, fresh: Secret, where: string): Secret {
  const wrong = (why: string) =>
    new HomelabError('failed', `The new token cannot be put into ${where}: ${why}.`, {
      hint: '`cloudflared tunnel token` prints it: put it there by hand and restart cloudflared. The old one is no longer good.',
    })
  if (kind === 'token') return new Secret(`${fresh.reveal()}\n`)
  if (kind === 'setting') {
    const found = before.match(token)?.length ?? 0
    if (found === 0) throw wrong('no token stands in it')
    return new Secret(before.replaceAll(token, () => fresh.reveal()))
  }
  const secret = secretIn(fresh)
  if (secret === undefined) throw wrong('Cloudflare gave one of another form')
  try {
    const credentials = JSON.parse(before) as object
    return new Secret(`${JSON.stringify({ ...credentials, TunnelSecret: secret })}\n`)
  } catch {
    // The parser's own message would quote the file.
    throw wrong('it is no JSON')
  }
}

/** The secret of the tunnel in a connector's token, in base64. */
function secretIn(fresh: Secret): string | undefined {
  try {
    const { s } = JSON.parse(fromBase64(fresh.reveal()) ?? '') as { readonly s?: unknown }
    return typeof s === 'string' ? s : undefined
  } catch {
    return undefined
  }
}
