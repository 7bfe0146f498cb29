/** Node's inspector of another process: what lives on its heap once everything dead is gone. */
import { once } from 'node:events'

export interface Inspector extends AsyncDisposable {
  /** Collects first. In MB of 1,000,000 bytes. */
  heap(): Promise<number>
}

/** @param address `ws://127.0.0.1:PORT/…`, as the process prints it */
export async function openInspector(address: string): Promise<Inspector> {
  const socket = new WebSocket(address)
  const waiting = new Map<number, (result: unknown) => void>()
  let next = 0
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { readonly id?: number; readonly result?: unknown }
    if (id === undefined) return
    waiting.get(id)?.(result)
    waiting.delete(id)
  })
  await once(socket, 'open')
  const call = (method: string): Promise<unknown> => {
    next += 1
    const id = next
    return new Promise((resolve) => {
      waiting.set(id, resolve)
      socket.send(JSON.stringify({ id, method }))
    })
  }
  return {
    async heap() {
      await call('HeapProfiler.collectGarbage')
      const { usedSize } = (await call('Runtime.getHeapUsage')) as { readonly usedSize: number }
      return usedSize / 1e6
    },
    async [Symbol.asyncDispose]() {
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}
