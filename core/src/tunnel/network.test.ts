import { expect, test } from 'vitest'
import type { Cloudflare } from '../cloudflare/types.ts'
import { createNetwork } from './network.ts'

function lab() {
  let now = 0
  let reads = 0
  const cloudflare = {
    accessApps: async () => {
      reads++
      return []
    },
    createAccessApp: async () => ({}),
    dnsRecords: async () => {
      reads++
      return []
    },
    deleteDns: async () => {
      throw new Error('lost')
    },
  } as unknown as Cloudflare
  const network = createNetwork({ cloudflare, clock: { monotonic: () => now } } as never)
  return {
    ...network,
    later: (ms: number) => {
      now += ms
    },
    reads: () => reads,
  }
}

test('a read is remembered for seconds, and a call that must be fresh is made', async () => {
  const { recent, cloudflare, later, reads } = lab()
  await recent.accessApps()
  await recent.accessApps()
  expect(reads()).toBe(1)
  await cloudflare.accessApps()
  expect(reads()).toBe(2)
  later(10_001)
  await recent.accessApps()
  expect(reads()).toBe(3)
})

test('a write drops what was remembered of its kind, also one whose answer was lost', async () => {
  const { recent, cloudflare, reads } = lab()
  await recent.accessApps()
  await recent.dnsRecords('zone', { name: 'a' })
  await cloudflare.createAccessApp({} as never)
  await recent.accessApps()
  await recent.dnsRecords('zone', { name: 'a' })
  expect(reads()).toBe(3)
  await expect(cloudflare.deleteDns('zone', 'id')).rejects.toThrow('lost')
  await recent.dnsRecords('zone', { name: 'a' })
  expect(reads()).toBe(4)
  await recent.dnsRecords('zone', { name: 'b' })
  expect(reads()).toBe(5)
})

test('what was asked for before a write is not remembered after it', async () => {
  const { recent, cloudflare, reads } = lab()
  const asked = recent.accessApps()
  await cloudflare.createAccessApp({} as never)
  await asked
  await recent.accessApps()
  expect(reads()).toBe(2)
})
