/** Runs that clone one template, each found again after its process died: nobody takes another's, and nothing is orphaned. */
import { HomelabError, type Json, type Verbs } from '@homelab/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectLab, type LabServices } from '../../bot/src/lab/connect.ts'
import {
  type Body,
  crashCopy,
  openTestRuns,
  quick,
  runToEnd,
  stateFile,
} from '../../bot/src/runs/runs.fixture.ts'
import { byClone } from '../../core/src/provision/clone.ts'
import { takeAway } from '../../core/src/provision/take-away.ts'
import { patientUndo, type Work } from '../../core/src/provision/work.ts'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'
import { makeVmTemplate } from '../support/vm-template.ts'

let simulator: Simulator
let lab: LabServices
let first: readonly string[]

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
  await simulator.fault({ stale: false })
  await makeVmTemplate(simulator, { vmid: 901, name: 'debian-12-vm', image: 'jellyfin' })
  const source = await sourceOf(simulator)
  lab = await connectLab(source.inventory, source.secrets)
  first = await guests()
})
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]()
  await simulator?.stop()
})
beforeEach(async () => {
  await simulator.fault({ taskBreaks: [], cutBefore: 0 })
  for (const { vmid, name } of (await simulator.state()).guests)
    if (!first.includes(`${vmid} ${name}`)) await simulator.changeGuest(vmid, { remove: true })
})

const guests = async () =>
  (await simulator.state()).guests.map(({ vmid, name }) => `${vmid} ${name}`).toSorted()
const added = async () => (await guests()).filter((each) => !first.includes(each))

/** Of guests on the storage, whether a configuration names them or not. */
const disks = async () =>
  ((await createPve(simulator.lab).get('/nodes/pve/storage/tesla/content')).data as { volid: string }[])
    .map(({ volid }) => volid)
    .toSorted()
const killed = { taskBreaks: [{ type: 'qmclone', status: 'unexpected status' }] }

const workOf = (name: string, vmid: number, verbs: Verbs): Work => {
  const found = {
    ...{ name, node: 'pve', storage: 'tesla', source: '901', net: 'bridge=vmbr0' },
    ...{ vmid, from: { blueprint: { title: 'Films', stack: 'media', cores: 1, memory: 512 } } },
  }
  return { found, services: lab, verbs, mark: `mark-of-${name}` } as unknown as Work
}

/** As a version made it that did not ask for the disks before. */
const asBefore = (verbs: Verbs): Verbs => ({
  ...verbs,
  step: async (name, work) => (name.startsWith('disks under') ? await work() : await verbs.step(name, work)),
})

class Died extends Error {}
type Dies = 'before it is sent' | 'after it was sent'

/** What a store keeps of a run, and its process that dies at its change. */
class Run {
  readonly #kept = new Map<string, Json>()
  readonly #begun = new Map<string, Date>()
  readonly #name: string
  readonly #vmid: number

  constructor(name: string, vmid: number) {
    this.#name = name
    this.#vmid = vmid
  }

  /** @param change instead of sending or looking */
  async live(
    change: (begun: Date | undefined, spec: Parameters<Verbs['change']>[1]) => Promise<Json>,
    { older = false, patient = false } = {},
  ) {
    const undos: (() => Promise<void>)[] = []
    const step = async (name: string, work: () => Promise<Json>) => {
      if (!this.#kept.has(name)) this.#kept.set(name, await work())
      return this.#kept.get(name)
    }
    const { signal } = new AbortController()
    const plain = {
      signal,
      step,
      follow: (name: string, watch: (of: AbortSignal) => Promise<Json>) => step(name, () => watch(signal)),
      change: (name: string, spec: Parameters<Verbs['change']>[1]) =>
        step(name, async () => {
          const begun = this.#begun.get(name)
          this.#begun.set(name, begun ?? new Date())
          return await change(begun, spec)
        }),
      undo: (_name: string, revert: () => Promise<void>) => void undos.push(revert),
      report: () => undefined,
      log: () => undefined,
    } as unknown as Verbs
    const verbs = patient ? patientUndo(plain, lab.clock) : plain
    try {
      return await byClone(workOf(this.#name, this.#vmid, older ? asBefore(verbs) : verbs), () => undefined)
    } catch (error) {
      if (!(error instanceof Died)) for (const undo of undos.reverse()) await undo()
      throw error
    }
  }

  async dies(when: Dies, older = false): Promise<void> {
    const end = this.live(
      async (_begun, { act }) => {
        if (when === 'after it was sent') await act()
        throw new Died()
      },
      { older },
    )
    await expect(end).rejects.toBeInstanceOf(Died)
  }

  /** @param claimed tasks that are another run's */
  goesOn(claimed: (upid: string) => boolean = () => false) {
    return this.live(async (begun, { act, find }) => {
      if (begun === undefined) return await act()
      return (await find({ since: begun, claimed: (upid) => claimed(String(upid)) })) ?? (await act())
    })
  }
}

describe('a clone whose process died', () => {
  it('is not taken for that of another run, which had not begun', async () => {
    const films = new Run('films', 960)
    const music = new Run('music', 961)
    await music.dies('before it is sent')
    await films.dies('after it was sent')
    expect(await music.goesOn()).toMatchObject({ vmid: 961 })
    expect(await films.goesOn()).toMatchObject({ vmid: 960 })
    expect(await added()).toEqual(['960 films', '961 music'])
  })

  it('is its own though another run has taken its task', async () => {
    const films = new Run('films', 965)
    await films.dies('after it was sent')
    expect(await films.goesOn(() => true)).toMatchObject({ vmid: 965 })
    expect(await added()).toEqual(['965 films'])
    expect((await simulator.counts()).changes[965]?.clone).toBe(1)
  })

  it('goes when nobody can say what became of it', async () => {
    const films = new Run('films', 962)
    await films.dies('after it was sent')
    const end = films.live(async () => {
      throw new HomelabError('unclear', 'planted')
    })
    await expect(end).rejects.toThrow('planted')
    expect(await added()).toEqual([])
  })

  it('goes when it was killed, too', async () => {
    await simulator.fault({ taskBreaks: [{ type: 'qmclone', status: 'unexpected status' }] })
    const films = new Run('films', 963)
    await films.dies('after it was sent')
    await expect(films.goesOn()).rejects.toThrow(/it was killed/)
    expect(await added()).toEqual([])
  })

  it('leaves alone what somebody else has made under its number since', async () => {
    const films = new Run('films', 964)
    await films.dies('before it is sent')
    const pve = createPve(simulator.lab)
    const { data } = await pve.post('/nodes/pve/qemu/901/clone', { newid: '964', name: 'theirs', full: '1' })
    await simulator.waitFor({ kind: 'task', upid: String(data), status: 'OK' })
    await expect(films.goesOn()).rejects.toThrow('The VMID 964 is taken.')
    expect(await added()).toEqual(['964 theirs'])
  })

  it('is not unlocked and destroyed while something else is at work on it', async () => {
    const films = new Run('films', 966)
    const end = films.live(async (_begun, { act }) => {
      await simulator.waitFor({ kind: 'task', upid: String(await act()), status: 'OK' })
      await simulator.changeGuest(966, { lock: 'backup' })
      throw new HomelabError('unclear', 'planted')
    })
    await expect(end).rejects.toMatchObject({ code: 'locked' })
    expect((await simulator.state()).guests.find(({ vmid }) => vmid === 966)).toMatchObject({
      ...{ name: 'films', lock: 'backup' },
    })
  })
})

describe('the disks of a clone that was killed', () => {
  /** Killed, and destroyed by a process that died before it came to the disks. */
  const destroyed =
    (vmid: number): Parameters<Run['live']>[0] =>
    async (_begun, { act }) => {
      const upid = String(await act())
      await simulator.waitFor({ kind: 'task', upid, status: 'unexpected status' })
      await simulator.changeGuest(vmid, { remove: true })
      return upid
    }

  it('go when it is gone already', async () => {
    const there = await disks()
    await simulator.fault(killed)
    await expect(new Run('films', 967).live(destroyed(967))).rejects.toThrow(/it was killed/)
    expect(await disks()).toEqual(there)
  })

  it('go although the answer to their removal is lost', async () => {
    const there = await disks()
    await simulator.fault(killed)
    const end = new Run('films', 968).live(
      async (begun, spec) => {
        const upid = await destroyed(968)(begun, spec)
        await simulator.fault({ cutBefore: 1 })
        return upid
      },
      { patient: true },
    )
    await expect(end).rejects.toThrow(/it was killed/)
    expect(await disks()).toEqual(there)
  })

  it('are not looked for when somebody else has its number since', async () => {
    await simulator.fault(killed)
    const pve = createPve(simulator.lab)
    let rootfs = ''
    const end = new Run('films', 969).live(async (begun, spec) => {
      const upid = await destroyed(969)(begun, spec)
      const ostemplate = 'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst'
      const theirs = { vmid: '969', hostname: 'theirs', ostemplate, storage: 'tesla', unprivileged: '1' }
      const { data } = await pve.post('/nodes/pve/lxc', theirs)
      await simulator.waitFor({ kind: 'task', upid: String(data), status: 'OK' })
      const config = (await pve.get('/nodes/pve/lxc/969/config')).data as { readonly rootfs: string }
      rootfs = config.rootfs.split(',')[0] ?? ''
      return upid
    })
    await expect(end).rejects.toThrow(/it was killed/)
    expect(await added()).toEqual(['969 theirs'])
    expect(await disks()).toContain(rootfs)
  })
})

describe('a run of a version that did not ask for the disks before', () => {
  it('does not take its own disks for those of somebody else', async () => {
    await simulator.fault(killed)
    const films = new Run('films', 970)
    await films.dies('after it was sent', true)
    await expect(films.goesOn()).rejects.toThrow(
      'What the half made 970 left on the storages of pve is not known.',
    )
    expect(await added()).toEqual([])
  })

  it('that is undone comes past the step that it does not have, to all of its undos', async () => {
    const file = stateFile()
    const copies: string[] = []
    const undone: string[] = []
    const body: Body = async (verbs) => {
      await byClone(workOf('films', 971, verbs), (guest, isOurs) =>
        verbs.undo('take it away', () => takeAway(guest, lab, isOurs)),
      )
      verbs.undo('what came after', async () => void undone.push('after'))
      throw new HomelabError('failed', 'planted')
    }
    // Its undos are left to the process that comes after it.
    const older: Body = (verbs, input) =>
      body({ ...asBefore(verbs), undo: (name) => verbs.undo(name, async () => undefined) }, input)
    const timing = { ...quick, undoMs: 60_000 }
    const first = await openTestRuns(
      file,
      { make: older },
      { timing, probe: (point) => void (point === 'undo.before' && copies.push(crashCopy(file))) },
    )
    await runToEnd(first, 'make')
    expect(await added()).toEqual(['971 films'])

    const again = await openTestRuns(copies[0] ?? '', { make: body }, { timing })
    const [run] = await again.active()
    const end = await again.finished(run?.id ?? '')
    expect(await added()).toEqual([])
    expect(undone).toEqual(['after'])
    expect(end).toMatchObject({ state: 'failed', error: { message: 'planted' } })
    expect(end.error?.data?.notUndone).toBeUndefined()
  })
})
