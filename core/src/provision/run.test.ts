import { describe, expect, it } from 'vitest'
import { fastClock } from '../node/testing.ts'
import { Blueprint } from './blueprint.ts'
import { addressIn } from './run.ts'
import type { MadeWork } from './work.ts'

const four = '192.168.1.50'
const six = '2001:db8::50'

/** @param has its addresses after so many milliseconds */
async function waited(has: (ms: number) => readonly string[], type: 'lxc' | 'qemu' = 'lxc') {
  const clock = fastClock()
  const { signal } = new AbortController()
  const blueprint = Blueprint.parse({ title: 'X', stack: 'apps', create: { by: 'template' } })
  const work = {
    guest: { vmid: 150, type, node: 'pve', name: 'x' },
    found: { name: 'x', net: 'name=eth0', from: { name: 'x', own: true, blueprint } },
    services: { clock, proxmox: { guestAddresses: async () => has(clock.monotonic()) } },
    verbs: {
      report: () => undefined,
      follow: (_name: string, poll: (signal: AbortSignal) => Promise<unknown>) => poll(signal),
    },
  } as unknown as MadeWork
  const address = await addressIn(work)
  return { address, seconds: clock.monotonic() / 1000 }
}

describe('the address of a new guest', () => {
  it('is the one by IPv4, which may come after the one by IPv6', async () => {
    const { address, seconds } = await waited((ms) => (ms < 3_000 ? [] : ms < 8_000 ? [six] : [six, four]))
    expect([address, seconds]).toEqual([four, 8])
  })

  it('is the one by IPv6 when there is no other after 20 s', async () => {
    const { address, seconds } = await waited((ms) => (ms < 3_000 ? [] : [six]))
    expect([address, seconds]).toEqual([six, 23])
  })

  it('is the one by IPv6 at the end of the time, however late it came', async () => {
    const { address, seconds } = await waited((ms) => (ms < 80_000 ? [] : [six]))
    expect([address, seconds]).toEqual([six, 90])
  })

  it('must be there for a container, and need not for a VM', async () => {
    await expect(waited(() => [])).rejects.toThrow('x has no address after 90 s.')
    expect(await waited(() => [], 'qemu')).toEqual({ address: '', seconds: 90 })
  })
})
