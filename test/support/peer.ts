/** A simulated platform as a process of its own, and the calls of its control port that all of them have. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const READY_MS = 20_000
const END_MS = 5_000

/** What every one of them can do for a test. It ends with `await using`, or with this process. */
export interface Peer<Event> extends AsyncDisposable {
  /** The id of the newest event, to wait for what comes after it. */
  mark(): Promise<number>
  /**
   * Events whose fields are equal to those given, or match them when they begin with `~` (a pattern);
   * also events that were, after the id `after`.
   * @throws Error when `count` of them did not happen in time (default 1 in 10 s)
   */
  waitFor(
    match: Partial<Omit<Event, 'id' | 'at'>>,
    options?: { readonly after?: number; readonly count?: number; readonly timeoutMs?: number },
  ): Promise<readonly Event[]>
  stop(): Promise<void>
}

interface Started<Ready, Event> {
  /** The line that it prints when everything listens. */
  readonly ready: Ready
  /** @throws Error with its sentence, and with what it wrote on stderr, when the answer is none of 200 to 299 */
  control<T>(verb: string, path: string, body?: unknown): Promise<T>
  readonly peer: Peer<Event>
}

const hasControl = (value: unknown): value is { readonly control: string } =>
  typeof value === 'object' && value !== null && 'control' in value && typeof value.control === 'string'

/**
 * @param script under simulator/src
 * @param options its options, by name
 * @throws Error with what it wrote on stderr when it does not start
 */
export async function startPeer<Ready extends { readonly control: string }, Event>(
  script: string,
  options: object,
): Promise<Started<Ready, Event>> {
  const main = fileURLToPath(new URL(`../../simulator/src/${script}`, import.meta.url))
  const args = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}`],
  )
  const child = spawn(process.execPath, [main, ...args, '--with-parent'], { stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString()
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_MS)
  const [line] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => [undefined]),
  ])
  clearTimeout(timer)
  const ready: unknown = typeof line === 'string' ? JSON.parse(line) : undefined
  if (!hasControl(ready)) throw new Error(`simulator/src/${script} did not start: ${errors}`)

  async function control<T>(verb: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${(ready as Ready).control}${path}`, {
      method: verb,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    const answer = (await response.json()) as T & { error?: string }
    if (response.ok) return answer
    const asked = body === undefined ? '' : ` ${JSON.stringify(body)}`
    throw new Error(`${verb} ${path}${asked} of ${script}: ${answer.error}\n${errors}`.trim())
  }

  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), END_MS)
    await ended
    clearTimeout(late)
  }

  return {
    ready: ready as Ready,
    control,
    peer: {
      mark: async () => (await control<{ lastEvent: number }>('GET', '/state')).lastEvent,
      waitFor: async (match, wanted) =>
        (await control<{ events: readonly Event[] }>('POST', '/wait', { match, ...wanted })).events,
      stop,
      [Symbol.asyncDispose]: stop,
    },
  }
}
