import { expect, test } from 'vitest'
import { HomelabError } from '../../errors.ts'
import type { Lab } from '../../inventory/types.ts'
import type { Verbs } from '../../operation/types.ts'
import type { Guest } from '../../proxmox/types.ts'
import { createShells } from '../../shell/index.ts'
import { updateCheck } from './check.ts'

const guest = (vmid: number, more: Partial<Guest> = {}): Guest =>
  ({
    vmid,
    type: 'lxc',
    node: 'pve',
    name: `ct${vmid}`,
    status: 'running',
    template: false,
    ...more,
  }) as Guest

const debian = (waiting: string) =>
  `== os\nPRETTY_NAME="Debian 12"\nID=debian\n== now\n200\n== listed\n100\n== apt\n${waiting}`

/** A node whose containers answer when they are let, and say how many were asked at once. */
function node(guests: readonly Guest[], answers: Readonly<Record<number, string | HomelabError>>) {
  let open = 0
  let most = 0
  const shells = createShells({
    has: (name) => name === 'pve',
    shell: () => ({
      async exec(argv) {
        open += 1
        most = Math.max(most, open)
        // Everybody who may begin has begun by then.
        await new Promise<void>((resolve) => queueMicrotask(resolve))
        open -= 1
        const answer = answers[Number(argv[2])] ?? debian('')
        if (typeof answer !== 'string') throw answer
        return { code: 0, stdout: answer, stderr: '', truncated: false }
      },
    }),
  })
  const lab: Pick<Lab, 'overview' | 'resolve'> = {
    overview: async () =>
      ({ guests, nodes: [], storages: [] }) as unknown as Awaited<ReturnType<Lab['overview']>>,
    resolve: async (names) =>
      guests
        .filter(({ vmid }) => names.includes(String(vmid)))
        .map((each) => ({ name: each.name, guest: each, dependents: [] })),
  }
  const verbs = { signal: new AbortController().signal, report: () => undefined } as unknown as Verbs
  return {
    check: () => updateCheck.run({ services: [], refresh: false }, { lab: lab as Lab, shells }, verbs),
    most: () => most,
  }
}

test('one that hangs and one that fails are rows beside the others, three at a time', async () => {
  const guests = [101, 102, 103, 104, 105, 106].map((vmid) => guest(vmid))
  const { check, most } = node(guests, {
    102: new HomelabError('timeout', 'sh on pve did not end within 30 s and was stopped'),
    103: new HomelabError('unreachable', 'pve does not answer'),
    104: debian('Inst a [1] (2 Debian-Security:12/stable-security [amd64])\nInst b (1 Debian:12 [amd64])'),
  })
  const found = await check()
  expect(found.guests.map(({ state }) => state)).toEqual([
    'looked',
    'failed',
    'failed',
    'looked',
    'looked',
    'looked',
  ])
  expect(found.guests[1]).toMatchObject({ why: 'it did not answer in time (CT 102 on pve)' })
  expect(found).toMatchObject({ waiting: 2, security: 1 })
  expect(found.guests[0]?.listsAge).toBe(100_000)
  expect(most()).toBe(3)
})

test('what cannot be looked into says why, and templates are left out', async () => {
  const { check } = node(
    [
      guest(101, { status: 'stopped' }),
      guest(102, { type: 'qemu' }),
      guest(103, { node: 'other' }),
      guest(104, { template: true }),
    ],
    {},
  )
  const { guests } = await check()
  expect(guests.map(({ vmid, state, why }) => [vmid, state, why])).toEqual([
    [101, 'skipped', 'it is stopped, and is not started for this'],
    [102, 'skipped', 'a virtual machine, which looks after itself'],
    [103, 'skipped', 'there is no SSH access to other'],
  ])
})
