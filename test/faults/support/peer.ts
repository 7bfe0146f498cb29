/**
 * A small Proxmox: it does what it is told as tasks that take time, and counts. It lives in the test's process,
 * so it survives the death of the bot.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Task {
  readonly id: string
  readonly guest: string
  /** For counting only: the bot never looks a task up by it. */
  readonly job: string
  readonly at: number
  readonly doneAt: number
}

export interface Peer {
  readonly url: string
  readonly tasks: readonly Task[]
  /** Jobs that were undone, once for each time. */
  readonly undone: readonly string[]
  /** Two tasks on one guest at the same time. */
  readonly overlaps: readonly string[]
  close(): Promise<void>
}

export interface Habits {
  readonly taskMs: number
  /** Between the arrival of a request and the task; it comes to be although the bot has died meanwhile. */
  readonly lagMs?: number
  /** Of so many requests one is done and its answer never sent. */
  readonly loseEvery?: number
}

export async function startPeer({
  taskMs,
  lagMs = 0,
  loseEvery = Number.POSITIVE_INFINITY,
}: Habits): Promise<Peer> {
  const tasks: Task[] = []
  const undone: string[] = []
  const overlaps: string[] = []
  const begin = (guest: string, job: string) => {
    const now = Date.now()
    const busy = tasks.find((task) => task.guest === guest && task.doneAt > now)
    if (busy) overlaps.push(`${busy.id} and ${job}`)
    const task = { id: `UPID:${tasks.length + 1}`, guest, job, at: now, doneAt: now + taskMs }
    tasks.push(task)
    return task.id
  }
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://peer')
    const guest = url.searchParams.get('guest') ?? ''
    const job = url.searchParams.get('job') ?? ''
    const answer = (value: unknown) => response.end(JSON.stringify(value))
    if (request.method === 'POST' && url.pathname === '/tasks') {
      setTimeout(() => {
        const id = begin(guest, job)
        if (tasks.length % loseEvery === 0) response.destroy()
        else answer(id)
      }, lagMs)
      return
    }
    if (request.method === 'POST' && url.pathname === '/undo') {
      undone.push(job)
      return answer(null)
    }
    if (url.pathname === '/tasks') return answer(tasks.filter((task) => task.guest === guest))
    const task = tasks.find((one) => one.id === url.searchParams.get('id'))
    return answer(task ? { ...task, done: task.doneAt <= Date.now() } : null)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, tasks, undone, overlaps, close: () => closeServer(server) }
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
