import { expect, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import type { Client } from './client.ts'
import { createProvision } from './provision.ts'
import type { Tasks } from './types.ts'

/** A Proxmox that answers what its guests are, each question a moment later. */
function cluster(taken: ReadonlySet<number>): Client {
  const next = (): number => {
    let vmid = 100
    while (taken.has(vmid)) vmid += 1
    return vmid
  }
  return {
    auth: { kind: 'token', user: 'root@pam!x', headers: () => Promise.resolve({}), renew: () => false },
    async get(_path, { query } = {}) {
      await new Promise((resolve) => setImmediate(resolve))
      const vmid = query?.vmid === undefined ? next() : Number(query.vmid)
      if (taken.has(vmid))
        throw new HomelabError('usage', `VM ${vmid} already exists`, {
          data: { status: 400, errors: { vmid: `VM ${vmid} already exists` } },
        })
      return { data: String(vmid), clockOffset: 0 }
    },
    send: () => Promise.reject(new Error('nothing is to be sent')),
  }
}

test('who asks for a free VMID at once with others gets one of its own, past those that are taken', async () => {
  const client = cluster(new Set([100, 102, 103, 107]))
  const { nextFree } = createProvision(client, {} as Tasks, { monotonic: () => 0 })
  const handed = await Promise.all(Array.from({ length: 20 }, () => nextFree()))
  expect(new Set(handed).size).toBe(20)
  expect(handed.filter((vmid) => [100, 102, 103, 107].includes(vmid))).toEqual([])
  expect(Math.max(...handed)).toBe(123)
})
