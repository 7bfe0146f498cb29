/** What users of npm `proxmox-api` write, in a process of its own so that its work is not counted as ours. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Lab } from '../../support/simulator.ts'

export interface GuestName {
  readonly node: string
  readonly type: 'lxc' | 'qemu'
  readonly vmid: number
}

export type ToPeer =
  | { readonly id: number; readonly do: 'restart'; readonly guest: GuestName }
  | {
      readonly id: number
      readonly do: 'status'
      readonly guests: readonly GuestName[]
      readonly atOnce: number
    }

export interface FromPeer {
  readonly id: number
  /** When it knew, by Date.now(). */
  readonly at: number
  readonly ms: number
  /** Of the process, user and system. */
  readonly cpuMs: number
}

export interface ProxmoxApiPeer extends AsyncDisposable {
  /** Resolves when its loop, which asks once a second, has seen the task's end. */
  restart(guest: GuestName): Promise<FromPeer>
  /** One call for each guest. */
  status(guests: readonly GuestName[], atOnce: number): Promise<FromPeer>
}

export async function startProxmoxApi(lab: Lab): Promise<ProxmoxApiPeer> {
  const child = fork(fileURLToPath(new URL('proxmox-api-process.ts', import.meta.url)), {
    execArgv: ['--no-warnings'],
    // Its README's way with a self-signed certificate.
    env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
  })
  const waiting = new Map<number, PromiseWithResolvers<FromPeer>>()
  let next = 0
  child.on('message', (message: FromPeer & { error?: string }) => {
    const asked = waiting.get(message.id)
    waiting.delete(message.id)
    if (message.error === undefined) asked?.resolve(message)
    else asked?.reject(new Error(`proxmox-api: ${message.error}`))
  })
  child.on('exit', (code) => {
    for (const asked of waiting.values())
      asked.reject(new Error(`the proxmox-api process ended with ${code}`))
  })
  const ask = (what: Record<string, unknown>): Promise<FromPeer> => {
    next += 1
    const asked = Promise.withResolvers<FromPeer>()
    waiting.set(next, asked)
    child.send({ id: next, ...what })
    return asked.promise
  }
  await ask({ do: 'connect', lab: { pve: lab.pve, token: lab.token } })
  return {
    restart: (guest) => ask({ do: 'restart', guest }),
    status: (guests, atOnce) => ask({ do: 'status', guests, atOnce }),
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}
