import { setTimeout as sleep } from 'node:timers/promises'
import proxmoxApi from 'proxmox-api'
import type { Lab } from '../../support/simulator.ts'
import type { FromPeer, GuestName, ToPeer } from './proxmox-api.ts'

type Api = ReturnType<typeof proxmoxApi>
type Connect = { readonly id: number; readonly do: 'connect'; readonly lab: Pick<Lab, 'pve' | 'token'> }

let api: Api | undefined

function connect({ pve, token }: Connect['lab']): void {
  const { hostname, port } = new URL(pve)
  api = proxmoxApi({ host: hostname, port: Number(port), tokenID: token.id, tokenSecret: token.secret })
}

async function restart(on: Api, { node, vmid }: GuestName): Promise<void> {
  const upid = await on.nodes.$(node).lxc.$(vmid).status.reboot.$post()
  for (;;) {
    const task = await on.nodes.$(node).tasks.$(upid).status.$get()
    if (task.status === 'stopped') return
    await sleep(1000)
  }
}

async function statusOfEach(on: Api, guests: readonly GuestName[], atOnce: number): Promise<void> {
  const left = [...guests]
  const worker = async () => {
    for (let guest = left.pop(); guest !== undefined; guest = left.pop()) {
      const node = on.nodes.$(guest.node)
      await (guest.type === 'lxc'
        ? node.lxc.$(guest.vmid).status.current.$get()
        : node.qemu.$(guest.vmid).status.current.$get())
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

async function perform(message: ToPeer | Connect): Promise<void> {
  if (message.do === 'connect') return connect(message.lab)
  if (api === undefined) throw new Error('not connected')
  if (message.do === 'restart') return await restart(api, message.guest)
  await statusOfEach(api, message.guests, message.atOnce)
}

async function answer(message: ToPeer | Connect): Promise<void> {
  const began = performance.now()
  const cpu = process.cpuUsage()
  try {
    await perform(message)
    const { user, system } = process.cpuUsage(cpu)
    const result: FromPeer = {
      id: message.id,
      at: Date.now(),
      ms: performance.now() - began,
      cpuMs: (user + system) / 1000,
    }
    process.send?.(result)
  } catch (error) {
    process.send?.({ id: message.id, error: error instanceof Error ? error.message : String(error) })
  }
}

process.on('message', (message: ToPeer | Connect) => void answer(message))
