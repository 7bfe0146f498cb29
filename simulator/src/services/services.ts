/** The services' listeners: open while their container runs and they have had time to start. */
import type { AddressInfo, Server, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Service } from '../lab/model.ts'
import type { Sim } from '../sim.ts'
import { endpoints, nextcloud } from './endpoints.ts'
import { createService } from './speak.ts'

interface Running {
  readonly service: Service
  readonly server: Server
  readonly sockets: Set<Socket>
  port: number
  /** Set when it is stopped while it is still starting. */
  starting: AbortController | undefined
}

export interface Services {
  /** Service → where its endpoint is, whether it listens at the moment or not. */
  readonly addresses: Readonly<Record<string, { readonly host: string; readonly port: number }>>
  isUp(name: string): boolean
  /** To be called when the fault `broken` changed. */
  refresh(): void
  close(): Promise<void>
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })

export async function startServices(sim: Sim): Promise<Services> {
  const { lab, faults, journal, clock } = sim
  const all: Running[] = []
  for (const service of lab.services) {
    const endpoint = endpoints[service.name]
    if (!endpoint) continue
    const mood = () => {
      const broken =
        faults.broken[service.name] ?? (sim.insides.of(service.vmid)?.broken ? 'error' : undefined)
      return broken === 'error' || broken === 'hang' ? broken : 'well'
    }
    const answers = () => (service.name === 'nextcloud' ? nextcloud(sim.nextcloud.maintenance) : endpoint)
    const server = createService(answers, mood) as Server
    const sockets = new Set<Socket>()
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    all.push({ service, server, sockets, port: 0, starting: undefined })
  }
  await Promise.all(
    all.map(async (running) => {
      await listen(running.server, 0)
      running.port = (running.server.address() as AddressInfo).port
    }),
  )

  const close = (running: Running): void => {
    running.starting?.abort()
    running.starting = undefined
    if (!running.server.listening) return
    running.server.close()
    for (const socket of running.sockets) socket.destroy()
    journal.add({ kind: 'service', name: running.service.name, up: false })
  }

  const open = async (running: Running): Promise<void> => {
    if (running.server.listening || running.starting) return
    const starting = new AbortController()
    running.starting = starting
    const waited = await sleep(clock.scaled(running.service.startMs), true, {
      ref: false,
      signal: starting.signal,
    }).catch(() => false)
    if (!waited) return
    await listen(running.server, running.port)
    running.starting = undefined
    journal.add({ kind: 'service', name: running.service.name, up: true })
  }

  const refresh = (vmid?: number): void => {
    for (const running of all) {
      if (vmid !== undefined && running.service.vmid !== vmid) continue
      const guest = lab.guests.get(running.service.vmid)
      const wanted =
        guest?.state === 'running' &&
        lab.online(guest.node) &&
        faults.broken[running.service.name] !== 'refused'
      if (!wanted) close(running)
      else {
        open(running).catch((error: unknown) => {
          process.stderr.write(`simulator: ${running.service.name} cannot listen: ${String(error)}\n`)
        })
      }
    }
  }
  lab.onChange((guest) => refresh(guest.vmid))

  return {
    addresses: Object.fromEntries(
      all.map(({ service, port }) => [service.name, { host: '127.0.0.1', port }]),
    ),
    isUp: (name) => all.some(({ service, server }) => service.name === name && server.listening),
    refresh: () => refresh(),
    close: async () => {
      for (const running of all) {
        running.starting?.abort()
        for (const socket of running.sockets) socket.destroy()
      }
      await Promise.all(
        all.map(
          ({ server }) =>
            new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve())),
        ),
      )
    },
  }
}
