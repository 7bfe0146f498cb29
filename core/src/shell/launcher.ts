/**
 * How environment and secrets reach a remote command: by its stdin, ahead of its own input. Stock sshd
 * drops what a client sends as environment, `pct exec --keep-env 0` clears the rest, and argv can be
 * read by every user of the host.
 *
 * The header is plain ASCII: the number of variables, then two lines for each, its name and its value
 * with every byte outside printable ASCII as `\0ooo`. `read -r` takes one byte at a time from a pipe in
 * every POSIX shell, so that all that follows is left for the command; printf is built into dash, ash
 * and bash, so that no value becomes an argument of a process.
 */
import { HomelabError } from '../errors.ts'
import type { ExecOptions } from '../ports.ts'
import { Secret } from '../secret.ts'

/** Names begin with `_hl` so that none of the caller's is overwritten half-way. The `x` saves trailing newlines. */
const script = [
  'IFS= read -r _hl_n||_hl_n=x',
  'case $_hl_n in ""|*[!0-9]*)echo "launcher: no header">&2;exit 125;;esac',
  'while [ "$_hl_n" -gt 0 ]',
  'do if IFS= read -r _hl_k&&IFS= read -r _hl_v',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: shell, not a template
  'then _hl_v=$(printf "%bx" "$_hl_v");export "$_hl_k=${_hl_v%x}"',
  'else echo "launcher: header cut off">&2;exit 125',
  'fi;_hl_n=$((_hl_n-1))',
  'done;unset _hl_n _hl_k _hl_v',
  'exec "$@"',
].join('\n')

export interface Launch {
  readonly argv: readonly string[]
  /** The header and the command's own input; undefined when there is neither. */
  readonly stdin: Uint8Array | undefined
}

/**
 * The argv and stdin that run a command with its environment; without any, the command as it is.
 * @throws HomelabError `usage` for a name that no shell can export or a value with a NUL
 */
export function launch(
  argv: readonly string[],
  { env = {}, secrets = {}, stdin }: Pick<ExecOptions, 'env' | 'secrets' | 'stdin'> = {},
): Launch {
  const encoder = new TextEncoder()
  const input = typeof stdin === 'string' ? encoder.encode(stdin) : stdin
  const values = new Map<string, string>(Object.entries(env))
  for (const [name, secret] of Object.entries(secrets)) values.set(name, secret.reveal())
  if (values.size === 0) return { argv, stdin: input }

  const lines = [String(values.size)]
  for (const [name, value] of values) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new HomelabError('usage', `${JSON.stringify(name)} is not a name for an environment variable`)
    }
    if (value.includes('\0')) throw new HomelabError('usage', `the value of ${name} holds a NUL character`)
    lines.push(name, octal(encoder.encode(value)))
  }
  const header = encoder.encode(`${lines.join('\n')}\n`)
  const whole = new Uint8Array(header.length + (input?.length ?? 0))
  whole.set(header)
  if (input) whole.set(input, header.length)
  return { argv: ['sh', '-c', script, 'homelab', ...argv], stdin: whole }
}

function octal(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    const harmless = byte > 0x20 && byte < 0x7f && byte !== 0x5c
    text += harmless ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, '0')}`
  }
  return text
}

/** What to take out of output: each secret, and each longer line of those with several, as lines come one by one. */
export function secretsToHide(secrets: ExecOptions['secrets'] = {}): readonly Secret[] {
  return Object.values(secrets).flatMap((secret) => {
    const lines = secret.reveal().split(/\r?\n/)
    return lines.length === 1
      ? [secret]
      : [secret, ...lines.filter((line) => line.length >= 8).map((line) => new Secret(line))]
  })
}
