/** Pictures for platforms that show no SVG. A picture is never worth a card: what cannot be drawn is left out. */
import { Worker } from 'node:worker_threads'
import { inTheme, type Theme } from '@homelab/core/monitoring'
import type { Drawn, Order } from './worker.ts'

/** PNG of an SVG; undefined when it cannot be made now. Never rejects. */
export type Draw = (svg: string, theme: Theme) => Promise<Uint8Array | undefined>

export interface Painter extends AsyncDisposable {
  readonly draw: Draw
}

export interface PainterOptions {
  readonly onProblem: (problem: string) => void
  /** Pictures that may wait; more are not drawn. */
  readonly most?: number
  /** Milliseconds for one picture, the start of the worker with it. */
  readonly timeoutMs?: number
  /** Milliseconds after which a worker with nothing to do is ended: it holds some 40 MB. */
  readonly idleMs?: number
  /** Another program, for tests. */
  readonly worker?: URL
}

interface Job extends Order {
  readonly done: (png: Uint8Array | undefined) => void
}

/** Characters. A chart has some 20,000. */
const LARGEST = 2_000_000

export function createPainter({
  onProblem,
  most = 100,
  timeoutMs = 10_000,
  idleMs = 60_000,
  worker: program = new URL('worker.ts', import.meta.url),
}: PainterOptions): Painter {
  const waiting: Job[] = []
  let busy: Job | undefined
  let worker: Worker | undefined
  let timer: NodeJS.Timeout | undefined
  let ids = 0
  let closed = false

  function begin(): Worker {
    const own = new Worker(program, {
      stdout: false,
      stderr: false,
      resourceLimits: { maxOldGenerationSizeMb: 128 },
    })
    // The bot ends when it wants to, whatever is being drawn.
    own.unref()
    own.on('message', (drawn: Drawn) => {
      if (own !== worker || drawn.id !== busy?.id) return
      if ('problem' in drawn) onProblem(drawn.problem)
      end('png' in drawn ? drawn.png : undefined)
    })
    own.on('error', (error) => own === worker && lose(String(error)))
    own.on('exit', (code) => own === worker && lose(`the worker ended (${code})`))
    return own
  }

  function end(png: Uint8Array | undefined): void {
    clearTimeout(timer)
    const job = busy
    busy = undefined
    job?.done(png)
    next()
  }

  /** The next picture gets a new worker: what killed this one is not tried again. */
  function lose(problem: string): void {
    const own = worker
    worker = undefined
    void own?.terminate()
    if (!closed) onProblem(problem)
    end(undefined)
  }

  function next(): void {
    if (busy !== undefined) return
    const job = waiting.shift()
    clearTimeout(timer)
    if (job === undefined) {
      timer = setTimeout(rest, idleMs)
      timer.unref()
      return
    }
    busy = job
    worker ??= begin()
    timer = setTimeout(() => lose(`a picture took longer than ${timeoutMs / 1000} s`), timeoutMs)
    worker.postMessage({ id: job.id, svg: job.svg } satisfies Order)
  }

  function rest(): void {
    const own = worker
    worker = undefined
    void own?.terminate()
  }

  return {
    draw(svg, theme) {
      if (closed || svg.length > LARGEST || waiting.length >= most) {
        if (!closed) onProblem(svg.length > LARGEST ? 'a picture is too large' : 'too many pictures wait')
        return Promise.resolve(undefined)
      }
      return new Promise((done) => {
        waiting.push({ id: ids++, svg: inTheme(svg, theme), done })
        next()
      })
    },
    async [Symbol.asyncDispose]() {
      closed = true
      clearTimeout(timer)
      const own = worker
      worker = undefined
      for (const job of [busy, ...waiting.splice(0)]) job?.done(undefined)
      busy = undefined
      await own?.terminate()
    },
  }
}
