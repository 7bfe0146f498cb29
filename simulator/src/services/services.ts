/** The services' listeners: open while their container runs and they have had time to start. */
import type { AddressInfo, Server, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { catalogue } from '../lab/homelab.ts'
import type { Guest, Service } from '../lab/model.ts'
import { nameOf } from '../lab/model.ts'
import type { Sim } from '../sim.ts'
import { endpoints, innerPorts, nextcloud } from './endpoints.ts'
import { createService } from './speak.ts'

interface Running {
  service: Service
  readonly host: string
  readonly server: Server
  readonly sockets: Set<Socket>
  port: number
  /** Set when it is stopped while it is still starting. */
  starting: AbortController | undefined
  /** Of one that was installed: whether its unit is started. */
  runs: () => boolean
}

export interface Services {
  /** Service → where its endpoint is, whether it listens at the moment or not. */
  readonly addresses: Readonly<Record<string, { readonly host: string; readonly port: number }>>
  isUp(name: string): boolean
  /** Whether the service of this container listens. */
  isUpIn(vmid: number): boolean
  addressIn(vmid: number): { readonly host: string; readonly port: number } | undefined
  /**
   * A unit of this service is there in a container: one of the lab whose container is gone moves there, any other is one more.
   * It answers while `runs` says so.
   */
  install(name: string, guest: Guest, runs: () => boolean): Promise<void>
  /** To be called when the fault `broken` changed. */
  refresh(): void
  close(): Promise<void>
}

const listen = (server: Server, port: number, host = '127.0.0.1'): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })

export async function startServices(sim: Sim): Promise<Services> {
  const { lab, faults, journal, clock } = sim
  const all: Running[] = []
  const create = (service: Service, host = '127.0.0.1', port = 0): Running | undefined => {
    const endpoint = endpoints[service.name]
    if (!endpoint) return undefined
    const mood = () => {
      const { name, vmid } = running.service
      const broken = faults.broken[name] ?? (sim.insides.of(vmid)?.broken ? 'error' : undefined)
      return broken === 'error' || broken === 'hang' ? broken : 'well'
    }
    const answers = () => (service.name === 'nextcloud' ? nextcloud(sim.nextcloud.maintenance) : endpoint)
    const server = createService(answers, mood) as Server
    const sockets = new Set<Socket>()
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    const running: Running = {
      service,
      server,
      sockets,
      host,
      port,
      starting: undefined,
      runs: () => true,
    }
    all.push(running)
    return running
  }
  for (const service of lab.services) create(service)
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
    await listen(running.server, running.port, running.host)
    running.starting = undefined
    journal.add({ kind: 'service', name: running.service.name, up: true })
  }

  const refresh = (vmid?: number): void => {
    for (const running of all) {
      if (vmid !== undefined && running.service.vmid !== vmid) continue
      const guest = lab.guests.get(running.service.vmid)
      const wanted =
        guest?.state === 'running' &&
        running.runs() &&
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

  const addresses: Record<string, { readonly host: string; readonly port: number }> = Object.fromEntries(
    all.map(({ service, host, port }) => [service.name, { host, port }]),
  )
  const of = (vmid: number) => all.find(({ service }) => service.vmid === vmid)

  async function install(name: string, guest: Guest, runs: () => boolean): Promise<void> {
    const there = of(guest.vmid)
    const left = all.find(({ service }) => service.name === name && !lab.guests.has(service.vmid))
    // An address of the loopback can be listened on: the service answers where its guest is.
    const own = guest.ip.startsWith('127.')
    const known = catalogue.find((each) => each.name === name)
    if (there === undefined && left !== undefined && !own) {
      const index = lab.services.indexOf(left.service)
      left.service = { ...left.service, vmid: guest.vmid }
      left.runs = runs
      if (index >= 0) lab.services[index] = left.service
    } else if (there === undefined && known !== undefined) {
      const service = { ...known, vmid: guest.vmid }
      const made = create(service, own ? guest.ip : '127.0.0.1', own ? (innerPorts[name] ?? service.port) : 0)
      if (made === undefined) return
      made.runs = runs
      if (!own) {
        await listen(made.server, 0)
        made.port = (made.server.address() as AddressInfo).port
        await new Promise<void>((done) => made.server.close(() => done()))
      }
      lab.services.push(service)
      addresses[nameOf(guest)] ??= { host: made.host, port: made.port }
    }
    refresh(guest.vmid)
  }

  /** What was installed besides goes with its container. */
  const forget = (guest: Guest): void => {
    const running = of(guest.vmid)
    if (running === undefined || lab.guests.has(guest.vmid)) return
    running.runs = () => true
    const first = all.find(({ service }) => service.name === running.service.name)
    if (first === running) return
    all.splice(all.indexOf(running), 1)
    lab.services.splice(lab.services.indexOf(running.service), 1)
    for (const [name, { host, port }] of Object.entries(addresses))
      if (host === running.host && port === running.port) delete addresses[name]
  }
  lab.onChange(forget)
  // A clone has what is on the disk of its template; it is there as soon as it runs.
  lab.onChange((guest) => {
    if (guest.image === undefined || guest.state !== 'running' || !lab.guests.has(guest.vmid)) return
    if (of(guest.vmid) === undefined) void install(guest.image, guest, () => true)
  })

  return {
    addresses,
    isUpIn: (vmid) => of(vmid)?.server.listening === true,
    addressIn: (vmid) => {
      const running = of(vmid)
      return running && { host: running.host, port: running.port }
    },
    install,
    isUp: (name) =>
      all.some(
        ({ host, port, server }) =>
          server.listening && host === addresses[name]?.host && port === addresses[name]?.port,
      ),
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
