/** `curl` and `wget` inside a container: they reach the container's own service at its usual port, and nothing else. */
import type { Service } from '../lab/model.ts'
import { innerPorts } from '../services/endpoints.ts'
import type { Output } from './answer.ts'
import { fail } from './answer.ts'

interface Wanted {
  readonly url: URL
  readonly failOnError: boolean
  readonly discard: boolean
  readonly head: boolean
  readonly silent: boolean
  /** What `-w` asks to be printed at the end. */
  readonly format: string
  readonly seconds: number
}

const withValue = [
  '-o',
  '--output',
  '-w',
  '--write-out',
  '-m',
  '--max-time',
  '--connect-timeout',
  '-H',
  '--header',
  '-X',
  '--request',
  '-A',
  '--user-agent',
  '-O',
  '-T',
  '--timeout',
  '-t',
  '--tries',
  '--retry',
]

function parse(program: string, args: readonly string[]): Wanted | undefined {
  const values = new Map<string, string>()
  let flags = ''
  let url: string | undefined
  const takesValue = (name: string) =>
    withValue.includes(name) &&
    !(program === 'curl' && (name === '-O' || name === '-T')) &&
    !(program === 'wget' && name === '-o')
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? ''
    const [, name, value] = /^(--[a-z-]+)=(.*)$/s.exec(arg) ?? []
    if (name !== undefined && value !== undefined) values.set(name, value)
    else if (arg.startsWith('--')) {
      if (takesValue(arg)) {
        index += 1
        values.set(arg, args[index] ?? '')
      } else values.set(arg, '')
    } else if (/^-[a-zA-Z]/.test(arg)) {
      // Letters may be joined; the last may take the next word, or the rest of this one.
      for (let letter = 1; letter < arg.length; letter += 1) {
        const short = `-${arg[letter]}`
        if (!takesValue(short)) {
          flags += short.slice(1)
          continue
        }
        const attached = arg.slice(letter + 1)
        if (!attached) index += 1
        values.set(short, attached || (args[index] ?? ''))
        break
      }
    } else url = arg
  }
  const get = (...names: readonly string[]) =>
    names.map((name) => values.get(name)).find((value) => value !== undefined)
  const text = url === undefined ? '' : /^[a-z]+:\/\//.test(url) ? url : `http://${url}`
  if (!URL.canParse(text)) return undefined
  return {
    url: new URL(text),
    failOnError: program === 'wget' || flags.includes('f') || values.has('--fail'),
    discard: get('-o', '--output', '-O') === '/dev/null' || values.has('--spider'),
    head: flags.includes('I') || values.has('--head'),
    silent: flags.includes('s') || flags.includes('q') || values.has('--silent') || values.has('--quiet'),
    format: get('-w', '--write-out') ?? '',
    seconds: Number(get('-m', '--max-time', '--timeout') ?? 20),
  }
}

export async function curl(
  program: string,
  args: readonly string[],
  service: Service | undefined,
  address: { readonly host: string; readonly port: number } | undefined,
): Promise<Output> {
  const wanted = parse(program, args)
  if (!wanted) return fail(`${program}: no URL specified`, 2)
  const port = Number(wanted.url.port || (wanted.url.protocol === 'https:' ? 443 : 80))
  const complain = (text: string, code: number, status = '000'): Output => ({
    stderr:
      wanted.silent && !args.some((arg) => /^-[a-zA-Z]*S/.test(arg) || arg === '--show-error')
        ? ''
        : `${program}: (${code}) ${text}\n`,
    stdout: wanted.format.replace(/%\{(?:http_code|response_code)\}/g, status).replaceAll('\\n', '\n'),
    code: program === 'wget' ? 4 : code,
  })
  const local = ['127.0.0.1', 'localhost', '[::1]'].includes(wanted.url.hostname)
  const ports = [service?.port, address?.port, innerPorts[service?.name ?? '']]
  if (!local || !service || !address || !ports.includes(port)) {
    return complain(
      `Failed to connect to ${wanted.url.hostname} port ${port} after 0 ms: Couldn't connect to server`,
      7,
    )
  }
  try {
    const response = await fetch(
      `http://${address.host}:${address.port}${wanted.url.pathname}${wanted.url.search}`,
      {
        method: wanted.head ? 'HEAD' : 'GET',
        redirect: 'manual',
        signal: AbortSignal.timeout(wanted.seconds * 1000),
      },
    )
    const body = await response.text()
    const status = String(response.status)
    if (wanted.failOnError && response.status >= 400)
      return complain(`The requested URL returned error: ${status}`, 22, status)
    return {
      stdout: `${wanted.discard ? '' : body}${wanted.format.replace(/%\{(?:http_code|response_code)\}/g, status).replaceAll('\\n', '\n')}`,
    }
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError')
      return complain(`Operation timed out after ${wanted.seconds * 1000} milliseconds`, 28)
    return complain(
      `Failed to connect to ${wanted.url.hostname} port ${port} after 0 ms: Couldn't connect to server`,
      7,
    )
  }
}
