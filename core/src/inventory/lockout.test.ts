import { expect, test } from 'vitest'
import type { Guest } from '../proxmox/types.ts'
import { guest, overviewOf } from './fixture.ts'
import { createLab } from './lab.ts'
import { parseInventory } from './parse.ts'

const guests = [
  guest(101, 'postgres'),
  guest(102, 'redis'),
  guest(110, 'plex', { node: 'pve2' }),
  guest(120, 'homelab'),
]
const services = `
services:
  postgresql: { guest: 101, needs: [redis] }
  redis: { guest: 102 }
  plex: { guest: 110 }
`

function labOf(file: string, selfName?: string, live: readonly Guest[] = guests) {
  return createLab({
    inventory: () => parseInventory(file),
    proxmox: { overview: async () => overviewOf(live) },
    clock: { monotonic: () => 0 },
    ...(selfName === undefined ? {} : { selfName }),
  })
}

async function reasons(lab: ReturnType<typeof labOf>, name: string, node?: string) {
  return lab.lockout(await lab.resolve([name]), node)
}

test('the guest of the file, what the bot needs, and what that needs', async () => {
  const lab = labOf(`${services}bot: { guest: 120, needs: [postgresql] }\n`, 'plex')
  expect(await reasons(lab, '120')).toEqual(['CT 120 on pve: homelab itself runs on it.'])
  expect(await reasons(lab, 'postgresql')).toEqual(['CT 101 on pve: homelab needs postgresql.'])
  expect(await reasons(lab, 'redis')).toEqual(['CT 102 on pve: homelab needs postgresql, which needs redis.'])
  // The host name counts only when the file says nothing.
  expect(await reasons(lab, 'plex')).toEqual([])
})

test.each(['homelab', 'HOMELAB', 'homelab.lan'])(
  'without a word in the file, the guest called as the host name: %s',
  async (selfName) => {
    const lab = labOf(services, selfName)
    expect(await reasons(lab, 'homelab')).toEqual(['CT 120 on pve: homelab itself runs on it.'])
    expect(await reasons(lab, 'plex')).toEqual([])
  },
)

test('a host name that is no guest, or two guests, tells nothing', async () => {
  expect(await reasons(labOf(services, 'laptop'), 'homelab')).toEqual([])
  const twice = [...guests, guest(220, 'homelab', { node: 'pve2' })]
  expect(await reasons(labOf(services, 'homelab', twice), '120')).toEqual([])
})

test('what the service on the own guest needs is needed too', async () => {
  const lab = labOf(`${services}  desk: { guest: 120, needs: [plex] }\n`, 'homelab')
  expect(await reasons(lab, 'plex')).toEqual(['CT 110 on pve2: homelab needs plex.'])
})

test('a node takes down what is on it', async () => {
  const lab = labOf(`${services}bot: { guest: 120, needs: [plex] }\n`)
  await lab.overview()
  expect(lab.lockout([], 'pve')).toEqual([
    'CT 120 on pve, which goes down with the node: homelab itself runs on it.',
  ])
  expect(lab.lockout([], 'pve2')).toEqual([
    'CT 110 on pve2, which goes down with the node: homelab needs plex.',
  ])
})

test('a long chain of needs is walked in no time', async () => {
  const live = Array.from({ length: 5000 }, (_, index) => guest(1000 + index, `s${index}`))
  const chain = live.map(
    ({ name }, index) =>
      `  ${name}: { guest: ${1000 + index}${index + 1 < live.length ? `, needs: [s${index + 1}]` : ''} }`,
  )
  const lab = labOf(`services:\n${chain.join('\n')}\nbot: { needs: [s0] }\n`, undefined, live)
  expect(await reasons(lab, 's4999')).toEqual(['CT 5999 on pve: homelab needs s0, which needs s4999.'])
}, 30_000)
