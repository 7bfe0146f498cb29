/** Services by a community script, which takes another number than it is told: only what it made is used, and taken away. */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createSecrets, openInventory, systemClock } from '@homelab/core/node'
import { operations } from '@homelab/core/operations'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectLab } from '../../bot/src/lab/connect.ts'
import { secretsOf } from '../../bot/src/lab/simulated.ts'
import { HomelabError } from '../../core/src/errors.ts'
import type { Json, Verbs } from '../../core/src/operation/types.ts'
import { Blueprint } from '../../core/src/provision/blueprint.ts'
import { byScript } from '../../core/src/provision/by-script.ts'
import { takeScripted } from '../../core/src/provision/scripted.ts'
import type { Found, ProvisionServices } from '../../core/src/provision/types.ts'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { openProvisionLab, output, type ProvisionLab, words } from './provision.fixture.ts'

let simulator: Simulator
let lab: ProvisionLab
let first: ReadonlySet<number>

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.1 })
  first = new Set((await simulator.state()).guests.map(({ vmid }) => vmid))
  lab = await openProvisionLab(simulator)
  const put = (name: string, text: string) =>
    writeFileSync(join(dirname(lab.path), 'blueprints', `${name}.yaml`), text)
  put('films', 'title: Films\nstack: media\ncreate: { by: script, script: radarr }\ngpu: dri\n')
  // Its container is made by then.
  put('asks', 'title: Asks\nstack: apps\ncreate: { by: script, script: postgresql }\n')
})
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]()
  await simulator?.stop()
})
beforeEach(async () => {
  await simulator.fault({ stale: false })
})
afterEach(async () => {
  await simulator.fault({ leftDisks: [], taskMs: {} })
  for (const { vmid } of await fresh()) await simulator.changeGuest(vmid, { remove: true })
})

const fresh = async () =>
  (await simulator.state()).guests
    .filter(({ vmid }) => !first.has(vmid))
    .toSorted((one, other) => one.vmid - other.vmid)
const ours = 'community-script;homelab;media'
const next = (): number => {
  let vmid = 100
  while (first.has(vmid)) vmid += 1
  return vmid
}
const container = {
  ...{ ostemplate: 'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst', storage: 'tesla' },
  ...{ unprivileged: '1', net0: 'name=eth0,bridge=vmbr0,ip=dhcp' },
}
/** By somebody else, when it has not our tags. */
async function makes(vmid: number, hostname: string, tags?: string): Promise<void> {
  const { data } = await createPve(simulator.lab).post('/nodes/pve/lxc', {
    ...container,
    vmid: String(vmid),
    hostname,
    ...(tags === undefined ? {} : { tags }),
  })
  await simulator.waitFor({ kind: 'task', upid: String(data), status: 'OK' })
}
/** Under the number that the script was told, as soon as it has made its own under the next one. */
async function meanwhile(): Promise<void> {
  await expect.poll(async () => (await fresh()).length, { interval: 10, timeout: 20_000 }).toBe(1)
  await makes(next(), 'somebodys')
}

describe('a script that takes another number', () => {
  it('has made what is used then, whoever takes the first one meanwhile', async () => {
    await simulator.fault({ leftDisks: [next()] })
    const run = lab.type('provision films')
    await meanwhile()
    const { vmid } = output<{ vmid: number }>(await run)
    expect(await fresh()).toEqual([
      expect.objectContaining({ vmid: next(), name: 'somebodys' }),
      expect.objectContaining({ vmid, name: 'films' }),
    ])
    expect(await lab.config(vmid)).toHaveProperty('dev0')
    expect(await lab.config(next())).not.toHaveProperty('dev0')
    // Nor anything of how it was run.
    const left = await lab.onNode('ls "$HOMELAB_WORK/unattended"')
    expect(left).toContain('begin.lock')
    expect(left).not.toContain('-script')
    expect(await lab.text()).toContain(`  films:\n    guest: ${vmid}\n`)
    output(await lab.type('deprovision films films backup:false drill:false'))
  })

  it('is taken back with it when it asks, and nothing of others is', async () => {
    await simulator.fault({ leftDisks: [next()] })
    const run = lab.type('provision asks')
    await meanwhile()
    expect(words(await run)).toMatch(/It asks: .*Adminer/)
    expect(await fresh()).toEqual([expect.objectContaining({ vmid: next(), name: 'somebodys' })])
    // Nor is the script itself left, which was stopped.
    expect(await lab.onNode('ls "$HOMELAB_WORK/unattended"')).not.toContain('-script')
    expect(await lab.onNode('ls /tmp')).not.toContain('homelab-')
  })

  it('is taken back when that number was asked for', async () => {
    await simulator.fault({ leftDisks: [2500] })
    const posted = words(await lab.type('provision films vmid:2500'))
    expect(posted).toMatch(/The script radarr made films as 2501: 2500 was taken/)
    expect(await fresh()).toEqual([])
  })
})

describe('what a script left behind half made', () => {
  const connected = async () => {
    const file = await openInventory(lab.path, { mustExist: true, operations })
    const services = await connectLab(file.current, createSecrets({ env: secretsOf(simulator.lab) }))
    // A minute is over soon.
    return { ...services, clock: { ...systemClock, monotonic: () => systemClock.monotonic() * 60 } }
  }
  const take = async (known: readonly number[] | null = [...first]) => {
    const said: string[] = []
    const making = { name: 'films', node: 'pve', vmid: 2600, before: known ?? undefined }
    await takeScripted(making, await connected(), (line) => said.push(line))
    return said
  }
  /** By somebody else, and goes on. @returns what ends it, as a worker does that was told to */
  const begins = async (vmid: number) => {
    await simulator.fault({ taskMs: { vzcreate: 60_000 } })
    const form = { ...container, vmid: String(vmid), hostname: 'films' }
    const { data } = await createPve(simulator.lab).post('/nodes/pve/lxc', form)
    await simulator.fault({ taskMs: {} })
    return async () => {
      await createPve(simulator.lab).call('DELETE', `/nodes/pve/tasks/${encodeURIComponent(String(data))}`)
      await simulator.waitFor({ kind: 'task', upid: String(data), status: 'interrupted by signal' })
    }
  }
  const vmids = async () => (await fresh()).map(({ vmid }) => vmid)

  it('is unlocked and gone, when it has our hostname and our tag and is new', async () => {
    await makes(2601, 'films', ours)
    await simulator.changeGuest(2601, { lock: 'create' })
    // Proxmox refuses it as it is, also by force.
    const refused = await createPve(simulator.lab).call('DELETE', '/nodes/pve/lxc/2601?force=1')
    expect(refused.reason).toBe('CT is locked (create)')
    expect(await take([...first, 2601])).toEqual([])
    expect(await fresh()).toHaveLength(1)
    expect(await take()).toEqual([])
    expect(await fresh()).toEqual([])
  })

  it('is only what has its number, when nobody looked before it began', async () => {
    await makes(2600, 'films', ours)
    await makes(2601, 'films', ours)
    expect(await take(null)).toEqual([])
    expect(await vmids()).toEqual([2601])
  })

  it('is left alone as long as it is being made, whoever does', async () => {
    const interrupt = await begins(2600)
    await expect(take()).rejects.toMatchObject({
      code: 'timeout',
      message: '2600 on pve is still being made.',
    })
    await simulator.changeGuest(2600, { config: { hostname: 'films', tags: ours } })
    await expect(take()).rejects.toMatchObject({ code: 'timeout' })
    await interrupt()
    expect(await take()).toEqual([])
    expect(await fresh()).toEqual([])
  })

  it('goes under another number, though somebody makes one under its own', async () => {
    await makes(2601, 'films', ours)
    const interrupt = await begins(2600)
    expect(await take()).toEqual(['2600 on pve is not what this run made: it was left alone'])
    expect(await vmids()).toEqual([2600])
    await interrupt()
  })

  it('is said to be there when it has no name yet, also under another number', async () => {
    const interrupt = await begins(2601)
    await expect(take()).rejects.toMatchObject({
      code: 'timeout',
      message: '2601 on pve is still being made.',
    })
    await makes(2602, 'films')
    await simulator.changeGuest(2602, { lock: 'create', config: { hostname: null } })
    await simulator.changeGuest(2601, { remove: true })
    await interrupt()
    await expect(take()).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('2602 on pve has no hostname and is locked (create)'),
      hint: expect.stringContaining('pct unlock 2602 && pct destroy 2602'),
    })
    expect(await vmids()).toEqual([2602])
  })

  it('is not what a person made by the same script meanwhile, which has not our tag', async () => {
    await makes(2601, 'films', 'community-script;media')
    await expect(take()).rejects.toMatchObject({
      code: 'conflict',
      message:
        "2601 on pve has the hostname films, but not the tag homelab, which this run's has: it was left alone.",
    })
    await makes(2602, 'films', ours)
    expect(await take()).toEqual([expect.stringContaining('2601 on pve has the hostname films, but not')])
    expect(await vmids()).toEqual([2601])
  })

  it('is left alone when it is called otherwise, or by nothing', async () => {
    await makes(2600, 'somebodys')
    await simulator.changeGuest(2600, { lock: 'create' })
    expect(await take()).toEqual(['2600 on pve is not what this run made, but somebodys: it was left alone'])
    await simulator.changeGuest(2600, { config: { hostname: null } })
    await expect(take()).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('2600 on pve has no hostname and is locked (create)'),
      hint: expect.stringContaining('pct unlock 2600 && pct destroy 2600'),
    })
    await makes(2601, 'films', ours)
    await makes(2602, 'films', ours)
    await expect(take()).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('2601 and 2602'),
    })
    expect(await vmids()).toEqual([2600, 2601, 2602])
  })

  describe('of a run that began before it was asked what is there', () => {
    /** @param journal what the run has behind it; what is not in it is done */
    const resumes = async (
      journal: Readonly<Record<string, Json>>,
      signal = new AbortController().signal,
    ) => {
      const undos: (() => Promise<void>)[] = []
      const step = async (name: string, work: () => Promise<Json>) => {
        const kept = journal[name]
        if (kept !== undefined) return kept
        signal.throwIfAborted()
        return await work()
      }
      const verbs = {
        ...{ signal, step, follow: step, report: () => {}, log: () => {} },
        undo: (_name: string, revert: () => Promise<void>) => undos.push(revert),
      } as unknown as Verbs
      const blueprint = Blueprint.parse({
        title: 'Films',
        stack: 'media',
        create: { by: 'script', script: 'radarr' },
      })
      const found = {
        ...{ name: 'films', node: 'pve', source: 'radarr', vmid: null, storage: 'tesla' },
        ...{ net: 'name=eth0,bridge=vmbr0,ip=dhcp', from: { name: 'films', own: true, blueprint } },
      } as unknown as Found
      const services = (await connected()) as unknown as ProvisionServices
      const end = byScript({ found, services, verbs, mark: `old-${process.pid}` })
      return { end, undo: async () => await Promise.all(undos.map((revert) => revert())) }
    }
    const begun = { VMID: 2600, script: 'begun', 'script: end': 0 }

    it('its own is no other one, and is what it made', async () => {
      await makes(2600, 'films', ours)
      const { end } = await resumes(begun)
      expect(await end).toMatchObject({ vmid: 2600, name: 'films' })
    })

    it('goes when the run is only undone', async () => {
      await makes(2600, 'films', ours)
      const stopped = AbortSignal.abort(new HomelabError('cancelled', 'by a person'))
      const { end, undo } = await resumes(begun, stopped)
      await expect(end).rejects.toMatchObject({ message: 'by a person' })
      await undo()
      expect(await fresh()).toEqual([])
    })

    it('is left alone under another number', async () => {
      await makes(2601, 'films', ours)
      const { end, undo } = await resumes(begun)
      await expect(end).rejects.toMatchObject({
        message: 'There is a container films already (2601 on pve).',
      })
      await undo()
      expect(await vmids()).toEqual([2601])
    })
  })
})
