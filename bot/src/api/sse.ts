/** Server-sent events, both ends. */

export interface Outbox {
  /** A later event with the same key replaces one that has not left yet: a slow reader gets the last state. */
  put(key: string, event: string, data: unknown): void
  /** Closes the stream after what is pending has left. */
  end(): void
}

const heartbeatMs = 15_000
/** A reader that hears nothing for this long may take the connection for dead. */
export const silenceMs = 3 * heartbeatMs

/**
 * @param open called once; fills the outbox and returns how to stop
 * @param signal of the request: aborted when the reader has gone
 */
export function eventStream(
  open: (out: Outbox) => () => void,
  signal: AbortSignal,
  beatMs = heartbeatMs,
): Response {
  const pending = new Map<string, string>()
  let ended = false
  let wake: () => void = () => {}
  let close = () => {}
  let timer: NodeJS.Timeout | undefined
  const stop = () => {
    ended = true
    clearInterval(timer)
    close()
    close = () => {}
    wake()
  }
  const out: Outbox = {
    put(key, event, data) {
      if (ended) return
      pending.delete(key)
      pending.set(key, `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
      wake()
    },
    end() {
      ended = true
      wake()
    },
  }
  const body = new ReadableStream<Uint8Array>({
    start() {
      // Sent at once, so that the reader knows it is connected.
      pending.set('', ': connected\n\n')
      close = open(out)
      timer = setInterval(() => {
        if (pending.size > 0) return
        pending.set('', ': still here\n\n')
        wake()
      }, beatMs)
      if (signal.aborted) stop()
      signal.addEventListener('abort', stop, { once: true })
    },
    async pull(controller) {
      if (pending.size === 0 && !ended) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      if (pending.size > 0) {
        const text = [...pending.values()].join('')
        pending.clear()
        controller.enqueue(Buffer.from(text))
        return
      }
      stop()
      controller.close()
    },
    cancel: stop,
  })
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    },
  })
}

export interface ServerEvent {
  readonly event: string
  readonly data: string
}

/** Longer than any card; a stream that never breaks its line is not ours. */
const maxEventChars = 8 * 1024 * 1024

/** The events of a stream's body. Ends with the stream; comments come as events without a name. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > maxEventChars) throw new Error('The event stream is not one of homelab.')
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield parse(text.slice(0, end))
      text = text.slice(end + 2)
    }
  }
}

function parse(block: string): ServerEvent {
  let event = ''
  const data: string[] = []
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) event = line.slice(7)
    else if (line.startsWith('data: ')) data.push(line.slice(6))
  }
  return { event, data: data.join('\n') }
}
