/** The watches of storages, disks and services over a simulated lab: what they find, once, and that it is over. */
import { type Card, type Clock, createRegistry, type Json } from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import { operations } from '@homelab/core/operations'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Finding } from '../../bot/src/incidents/types.ts'
import { connectLab } from '../../bot/src/lab/connect.ts'
import { startDiskWatch } from '../../bot/src/watch/disks.ts'
import { startHealthWatch } from '../../bot/src/watch/health.ts'
import { startStorageWatch } from '../../bot/src/watch/storages.ts'
import type { Watch } from '../../bot/src/watch/types.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.stop())
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
})

interface Told {
  readonly id: string
  readonly card: Card
  readonly state: 'live' | 'done'
  readonly finding: Finding
}

const HOUR = 3_600_000
const registry = createRegistry(operations)

/** What the watches share with the next start of the bot is in `facts`. */
async function open(
  change: (inventory: Inventory) => Inventory = (same) => same,
  facts = new Map<string, Json>(),
) {
  const source = await sourceOf(simulator, { change })
  const lab = await connectLab(source.inventory, source.secrets)
  const told: Told[] = []
  const problems: object[] = []
  const time = { ahead: 0 }
  const clock: Clock = {
    now: () => new Date(Date.now() + time.ahead),
    monotonic: () => performance.now() + time.ahead,
    // They look when they are told to, and not by themselves.
    sleep: (_ms, signal) =>
      new Promise((_wake, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
  }
  const active: { operation: string; input: object }[] = []
  const options = {
    ...lab,
    clock,
    registry,
    services: () => ({ ...lab }),
    runs: { active: async () => active as never },
    facts: {
      get: (name: string) => facts.get(name),
      set: async (name: string, value: Json) =>
        void facts.set(name, JSON.parse(JSON.stringify(value)) as Json),
    },
    tell: (id: string, card: Card, state: 'live' | 'done', finding: Finding) =>
      void told.push({ id, card, state, finding }),
    log: { warn: (seen: object) => problems.push(seen), error: (seen: object) => problems.push(seen) },
    firstMs: HOUR,
    everyMs: HOUR,
  }
  const watches: Watch[] = []
  const started = (watch: Watch): Watch => {
    watches.push(watch)
    return {
      stop: watch.stop,
      async look() {
        await lab.lab.overview({ fresh: true })
        await watch.look()
      },
    }
  }
  return {
    told,
    facts,
    active,
    pass: (ms: number) => {
      time.ahead += ms
    },
    storages: () => started(startStorageWatch(options)),
    disks: () => started(startDiskWatch(options)),
    health: () => started(startHealthWatch(options)),
    async [Symbol.asyncDispose]() {
      for (const watch of watches) await watch.stop()
      await lab[Symbol.asyncDispose]()
      expect(problems).toEqual([])
    },
  }
}
type Bot = Awaited<ReturnType<typeof open>>

const said = ({ told }: Bot) =>
  told.map(({ card, finding }) => `${finding.key}: ${card.title} (${finding.severity}, ${finding.state})`)
const withoutSsh = (inventory: Inventory): Inventory => ({ ...inventory, ssh: [] })

describe('a folder of the host that fills up', () => {
  it('is told at its limits, and is over only when it is clear below them', async () => {
    await using bot = await open()
    const watch = bot.storages()
    await watch.look()
    expect(said(bot)).toEqual([])
    for (const used of [0.86, 0.87, 0.96, 0.94, 0.9, 0.84, 0.86, 0.82, 0.84]) {
      await simulator.fault({ hostUsed: { '/Apollo': used } })
      await watch.look()
    }
    expect(said(bot)).toEqual([
      'storage/pve/apollo: apollo is 86 % full (warning, firing)',
      'storage/pve/apollo: apollo is 96 % full (critical, firing)',
      'storage/pve/apollo: apollo is 90 % full (warning, firing)',
      'storage/pve/apollo: apollo has room again: 82 % full (warning, resolved)',
    ])
    const [first] = bot.told
    expect(first?.card.text).toMatch(/are used, .* are free\./)
    expect(first?.card.buttons?.[0]).toEqual({
      label: 'Graph',
      action: { kind: 'command', text: 'graph storage apollo 30d' },
      style: 'primary',
    })
    expect(first?.finding).toMatchObject({ kind: 'full', about: { storage: 'apollo', node: 'pve' } })
    expect(new Set(bot.told.map(({ id }) => id)).size).toBe(1)
  })

  it('is not told again by the next start, which still says when it is over', async () => {
    await simulator.fault({ hostUsed: { '/Apollo': 0.97 } })
    await using bot = await open()
    await bot.storages().look()
    expect(bot.told).toHaveLength(1)

    await using next = await open(undefined, bot.facts)
    const watch = next.storages()
    await watch.look()
    expect(said(next)).toEqual([])
    await simulator.fault({ hostUsed: {} })
    await watch.look()
    expect(said(next)).toEqual(['storage/pve/apollo: apollo has room again: 65 % full (critical, resolved)'])
    expect(next.told[0]?.id).toBe(bot.told[0]?.id)
  })

  it('that is not mounted is told as down, and not as the root disk that is measured then', async () => {
    await simulator.fault({ unmounted: ['/Apollo'], hostUsed: { '/': 0.99 } })
    await using bot = await open()
    const watch = bot.storages()
    await watch.look()
    await simulator.fault({ unmounted: [], hostUsed: {} })
    await watch.look()
    expect(said(bot)).toEqual([
      'mount/pve/apollo: apollo is not mounted (critical, firing)',
      'mount/pve/apollo: apollo is mounted again (critical, resolved)',
    ])
    expect(bot.told[0]?.finding.kind).toBe('down')
  })

  it('without SSH is said once to be unseen, and is no trouble', async () => {
    await using bot = await open(withoutSsh)
    const watch = bot.storages()
    await watch.look()
    await watch.look()
    expect(said(bot)).toEqual(['storage/pve/apollo: How full apollo is cannot be seen (info, firing)'])
    expect(bot.told[0]?.finding.once).toBe(true)
    await using next = await open(withoutSsh, bot.facts)
    await next.storages().look()
    expect(said(next)).toEqual([])
  })
})

/** Each disk is a process of the simulator. */
const oneDisk = (inventory: Inventory): Inventory => ({
  ...inventory,
  storages: inventory.storages
    .filter(({ name }) => name === 'apollo')
    .map((entry) => ({ ...entry, disks: ['/dev/sda'] })),
})

describe('disks', () => {
  it('a RAID that lost a disk is critical; that it is rebuilt is said with each tenth; then it is whole again', async () => {
    await using bot = await open(oneDisk)
    const watch = bot.disks()
    await watch.look()
    expect(said(bot)).toEqual([])
    await simulator.fault({ raidDegraded: true })
    await watch.look()
    await watch.look()
    for (const raidRebuild of [12, 17, 42]) {
      await simulator.fault({ raidRebuild })
      await watch.look()
    }
    await simulator.fault({ raidDegraded: false, raidRebuild: 0 })
    await watch.look()
    expect(said(bot)).toEqual([
      'raid/pve/md0: RAID md0 is degraded: 3 of 4 disks (failed: sdd1) (critical, firing)',
      'raid/pve/md0: RAID md0: recovery at 12 % (warning, firing)',
      'raid/pve/md0: RAID md0: recovery at 42 % (warning, firing)',
      'raid/pve/md0: RAID md0 is whole again (warning, resolved)',
    ])
    expect(bot.told[1]?.card.text).toContain('127.5 min')
    expect(bot.told[0]?.finding).toMatchObject({ kind: 'raid', about: { storage: 'apollo', node: 'pve' } })
  })

  it('a disk that fails is critical, one with sectors that it cannot read a warning, told again when there are more', async () => {
    await using bot = await open(oneDisk)
    const watch = bot.disks()
    await simulator.fault({ smartPending: { sda: 8 } })
    await watch.look()
    await watch.look()
    await simulator.fault({ smartPending: { sda: 9 } })
    await watch.look()
    await simulator.fault({ smartFailing: ['sda'] })
    await watch.look()
    await using next = await open(oneDisk, bot.facts)
    const again = next.disks()
    await again.look()
    await simulator.fault({ smartFailing: [], smartPending: {} })
    await again.look()
    expect(said(bot)).toEqual([
      'smart/pve/sda: /dev/sda on pve wears out: 8 pending sectors (warning, firing)',
      'smart/pve/sda: /dev/sda on pve wears out: 9 pending sectors (warning, firing)',
      'smart/pve/sda: /dev/sda on pve is failing (critical, firing)',
    ])
    expect(said(next)).toEqual(['smart/pve/sda: /dev/sda on pve is sound again (critical, resolved)'])
  })

  it('of a node without SSH are as Proxmox says, which is asked now and then; its RAID is said once to be unseen', async () => {
    await simulator.fault({ smartFailing: ['sdb'] })
    await using bot = await open(withoutSsh)
    const watch = bot.disks()
    await watch.look()
    await watch.look()
    expect(said(bot)).toEqual([
      'raid/pve/md0: The RAID of apollo cannot be seen (info, firing)',
      'smart/pve/sdb: /dev/sdb on pve is failing (critical, firing)',
    ])
    const asked = async () => (await simulator.counts()).requests['GET /nodes/pve/disks/list'] ?? 0
    const before = await asked()
    await simulator.fault({ smartFailing: [] })
    await watch.look()
    expect(await asked()).toBe(before)
    bot.pass(7 * HOUR)
    await watch.look()
    expect(said(bot).slice(2)).toEqual(['smart/pve/sdb: /dev/sdb on pve is sound again (critical, resolved)'])
  })
})

describe('a service that runs and does not answer', () => {
  const redis = 103

  it('is told after three looks, with why, and when it answers again; the next start tells nothing twice', async () => {
    await using bot = await open()
    const watch = bot.health()
    await watch.look()
    await simulator.fault({ broken: { grafana: 'error', redis: 'refused' } })
    await watch.look()
    await watch.look()
    expect(said(bot)).toEqual([])
    await watch.look()
    await watch.look()
    expect(said(bot).toSorted()).toEqual([
      'service/grafana: grafana does not answer (warning, firing)',
      'service/redis: redis does not answer (critical, firing)',
    ])
    const found = bot.told.find(({ finding }) => finding.key === 'service/redis')
    expect(found?.finding).toMatchObject({
      kind: 'down',
      about: { service: 'redis', stack: 'core', vmid: redis },
    })
    expect(found?.card.buttons?.map(({ label }) => label)).toEqual(['Restart', 'Logs'])

    await using next = await open(undefined, bot.facts)
    const again = next.health()
    for (let count = 0; count < 4; count++) await again.look()
    expect(said(next)).toEqual([])
    await simulator.fault({ broken: {} })
    // What refused takes a moment to listen again.
    while (next.told.length < 2) await again.look()
    expect(said(next).toSorted()).toEqual([
      'service/grafana: grafana answers again (warning, resolved)',
      'service/redis: redis answers again (critical, resolved)',
    ])
  })

  it('is not told while its guest is down, nor while a run is at it', async () => {
    await using bot = await open()
    const watch = bot.health()
    await watch.look()
    bot.active.push({ operation: 'service.restart', input: { services: ['grafana'] } })
    await simulator.fault({ broken: { grafana: 'error' } })
    await simulator.changeGuest(redis, { state: 'stopped' })
    for (let count = 0; count < 4; count++) await watch.look()
    expect(said(bot)).toEqual([])
    bot.active.pop()
    for (let count = 0; count < 3; count++) await watch.look()
    expect(said(bot)).toEqual(['service/grafana: grafana does not answer (warning, firing)'])
  })

  it('costs no call to Proxmox beyond the overview', async () => {
    await using bot = await open()
    const watch = bot.health()
    await watch.look()
    const calls = async () =>
      Object.values((await simulator.counts()).requests).reduce((sum, count) => sum + count, 0)
    const before = await calls()
    await watch.look()
    expect((await calls()) - before).toBeLessThanOrEqual(1)
  })
})
