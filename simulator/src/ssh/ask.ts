/**
 * How a program asks the simulator. Bash can open a socket itself, and starts in a tenth of the time that Node needs; the answer
 * lies in files, as a shell cannot hold every byte.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { quote } from '../real/programs.ts'
import { locate } from '../real/tools.ts'
import type { Output } from './answer.ts'

export interface Ask {
  readonly port: number
  close(): Promise<void>
}

/** Fields end with NUL: where the answer goes, where it is asked, on which node, how many words, these, how many variables, these. */
function parse(text: string): { readonly base: string; readonly request: object } | undefined {
  const fields = text.split('\0')
  fields.pop()
  const [base, where, node, count, ...rest] = fields
  if (base === undefined || count === undefined) return undefined
  const argv = rest.slice(0, Number(count))
  const variables = rest[Number(count)]
  if (argv.length < Number(count) || variables === undefined) return undefined
  const env = rest.slice(Number(count) + 1)
  if (env.length < Number(variables)) return undefined
  const input = `${base}.in`
  const stdin = existsSync(input) ? readFileSync(input).toString('base64') : ''
  return {
    base,
    request: { where, node, argv, stdin, env: Object.fromEntries(env.map((each) => each.split(/=(.*)/s))) },
  }
}

export async function serveAsk(answer: (request: object) => Promise<Output>): Promise<Ask> {
  const server = createServer((socket) => {
    let text = ''
    let asked = false
    // Who asks may be killed at any time.
    socket.on('error', () => {})
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      const parsed = asked ? undefined : parse(text)
      if (parsed === undefined) return
      asked = true
      const files = ['in', 'out', 'err'].map((end) => `${parsed.base}.${end}`)
      socket.once('close', () => {
        for (const path of files) rmSync(path, { force: true })
      })
      answer(parsed.request)
        .catch((error: unknown): Output => ({ stderr: `${String(error)}\n`, code: 255 }))
        .then(({ stdout = '', stderr = '', code = 0 }) => {
          if (stdout !== '') writeFileSync(`${parsed.base}.out`, stdout)
          if (stderr !== '') writeFileSync(`${parsed.base}.err`, stderr)
          const kind = (text: string) => (text === '' ? '-' : text.includes('\0') ? 'raw' : 'text')
          socket.write(`${code} ${kind(stdout)} ${kind(stderr)}\n`)
        })
        .catch(() => socket.destroy())
    })
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', resolve)
  await promise
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      await new Promise<void>((done) => server.close(() => done()))
    },
  }
}

/** undefined: this machine has no bash. @param answers a folder that is there */
export function askScript(answers: string, port: number): string | undefined {
  const bash = locate('bash')
  const cat = quote(locate('cat') ?? '/bin/cat')
  if (bash === undefined) return undefined
  // -p: what BASH_ENV names is for the commands themselves.
  return `#!${bash} -p
LC_ALL=C name=\${0##*/} input= vars=()
case $name in tee | chpasswd) input=1 ;; community-script) for v in "\${!var_@}"; do vars+=("$v=\${!v}"); done ;; esac
for arg do case $arg in /dev/stdin | -) input=1 ;; esac; done
base=${quote(answers)}/$BASHPID.$RANDOM$RANDOM
if [ -n "$input" ]; then ${cat} >"$base.in"; fi
exec 3<>/dev/tcp/127.0.0.1/${port} || exit 255
printf '%s\\0' "$base" "\${HOMELAB_CT:-host}" "\${HOMELAB_NODE:-}" "$(($# + 1))" "$name" "$@" "\${#vars[@]}" "\${vars[@]}" >&3
read -r code out err <&3 || exit 255
# A text is read here, which saves a process; a shell holds no NUL.
show() {
  case $1 in
    text) IFS= read -r -d '' text <"$2"; printf %s "$text" ;;
    raw) ${cat} "$2" ;;
  esac
}
show "$err" "$base.err" >&2
show "$out" "$base.out"
exit "$code"
`
}
