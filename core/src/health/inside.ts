/**
 * The same questions asked by a program inside the container. HTTP is asked by curl, and by wget
 * where there is no curl; wget shows the body of a 200 only, which every known check can live with.
 */
import { isHomelabError } from '../errors.ts'
import type { ExecResult, Shell } from '../ports.ts'
import { down, up, type Verdict } from './probes.ts'
import type { HttpQuestion, Question } from './select.ts'

export type Asked = Verdict | { readonly state: 'unknown'; readonly detail: string }

const marker = 'http_code='
const unknown = (detail: string): Asked => ({ state: 'unknown', detail })

export async function askInside(
  shell: Shell,
  question: Question,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Asked> {
  // Entering a container takes a moment of its own, which is not the service's.
  const options = {
    timeoutMs: timeoutMs + 3000,
    maxOutputBytes: 256 * 1024,
    ...(signal === undefined ? {} : { signal }),
  }
  try {
    if (question.via === 'http') return await askHttp(shell, question, timeoutMs, options)
    if (question.via === 'command') {
      const result = await shell.exec(question.argv, options)
      if (missing(result)) return unknown(`${question.argv[0]} is not installed in the container`)
      return result.code === 0 ? up('exit code 0') : down(lastLine(result) ?? `exit code ${result.code}`)
    }
    const { command, judgeCommand } = question.probe
    if (!command || !judgeCommand) return unknown('only the outside can try this port')
    const argv = command(question.port)
    const result = await shell.exec(argv, options)
    return missing(result) ? unknown(`${argv[0]} is not installed in the container`) : judgeCommand(result)
  } catch (error) {
    signal?.throwIfAborted()
    if (!isHomelabError(error)) throw error
    if (error.code === 'timeout') return down(`no answer in ${timeoutMs / 1000} s`)
    // The container is not there or not running: that is an answer.
    if (error.code === 'conflict' || error.code === 'not-found') return down(error.message)
    return unknown(error.message)
  }
}

type Options = NonNullable<Parameters<Shell['exec']>[1]>

async function askHttp(
  shell: Shell,
  question: HttpQuestion,
  timeoutMs: number,
  options: Options,
): Promise<Asked> {
  const url = `${question.scheme}://127.0.0.1:${question.port}${question.path}`
  const seconds = String(Math.ceil(timeoutMs / 1000))
  const curl = await shell.exec(
    ['curl', '-q', '-k', '-sS', '-m', seconds, '-w', `\\n${marker}%{http_code}`, url],
    options,
  )
  if (!missing(curl)) {
    const cut = curl.stdout.lastIndexOf(`\n${marker}`)
    const status = Number(curl.stdout.slice(cut + 1 + marker.length))
    if (curl.code === 0 && cut >= 0 && status >= 100) return question.judge(status, curl.stdout.slice(0, cut))
    if (curl.code === 7) return down('connection refused inside the container')
    if (curl.code === 28) return down(`no answer in ${seconds} s`)
    return down(lastLine(curl) ?? `curl ended with ${curl.code}`)
  }
  const wget = await shell.exec(
    ['wget', '-S', '-O', '-', '-T', seconds, '--no-check-certificate', url],
    options,
  )
  if (missing(wget)) return unknown('neither curl nor wget is installed in the container')
  // GNU wget prints the status line, busybox only `server returned error: HTTP/1.1 503 …`.
  const status = [...wget.stderr.matchAll(/HTTP\/\d(?:\.\d)? (\d{3})/g)].at(-1)?.[1]
  if (status !== undefined) return question.judge(Number(status), wget.stdout)
  return wget.code === 0
    ? question.judge(200, wget.stdout)
    : down(lastLine(wget) ?? `wget ended with ${wget.code}`)
}

/** 127 of a shell, or what lxc-attach says, also with other codes, when a program is not in the container. */
function missing({ code, stderr }: ExecResult): boolean {
  return (
    code === 127 || (code !== 0 && /lxc-attach: .*(Failed to exec|No such file or directory)/.test(stderr))
  )
}

function lastLine({ stdout, stderr }: ExecResult): string | undefined {
  return (stderr.trim() || stdout.trim()).split('\n').at(-1)?.slice(0, 300) || undefined
}
