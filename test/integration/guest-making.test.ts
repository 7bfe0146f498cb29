/** Runs that clone one template, each found again after its process died: nobody takes another's, and nothing is orphaned. */
import { HomelabError, type Json, type Verbs } from '@homelab/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectLab, type LabServices } from '../../bot/src/lab/connect.ts'
import { byClone } from '../../core/src/provision/clone.ts'
import type { Work } from '../../core/src/provision/work.ts'
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
  for (const { vmid, name } of (await simulator.state()).guests)
    if (!first.includes(`${vmid} ${name}`)) await simulator.changeGuest(vmid, { remove: true })
})

const guests = async () =>
  (await simulator.state()).guests.map(({ vmid, name }) => `${vmid} ${name}`).toSorted()
const added = async () => (await guests()).filter((each) => !first.includes(each))

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
  async live(change: (begun: Date | undefined, spec: Parameters<Verbs['change']>[1]) => Promise<Json>) {
    const undos: (() => Promise<void>)[] = []
    const step = async (name: string, work: () => Promise<Json>) => {
      if (!this.#kept.has(name)) this.#kept.set(name, await work())
      return this.#kept.get(name)
    }
    const { signal } = new AbortController()
    const verbs = {
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
    const found = {
      ...{ name: this.#name, node: 'pve', storage: 'tesla', source: '901', net: 'bridge=vmbr0' },
      ...{ vmid: this.#vmid, from: { blueprint: { title: 'Films', stack: 'media', cores: 1, memory: 512 } } },
    }
    const work = { found, services: lab, verbs, mark: `mark-of-${this.#name}` } as unknown as Work
    try {
      return await byClone(work, () => undefined)
    } catch (error) {
      if (!(error instanceof Died)) for (const undo of undos.reverse()) await undo()
      throw error
    }
  }

  async dies(when: Dies): Promise<void> {
    const end = this.live(async (_begun, { act }) => {
      if (when === 'after it was sent') await act()
      throw new Died()
    })
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
})
