/** Looks now and then at RAIDs and disks: over SSH at those of the file, by Proxmox at those of a node without. */
import {
  type Clock,
  inParallel,
  isHomelabError,
  type Lab,
  type Overview,
  type Proxmox,
  type Services,
  type Shell,
} from '@homelab/core'
import { readDisk, readRaid } from '@homelab/core/storage'
import type { FactStore } from '../chat/connector.ts'
import type { Tell } from '../incidents/tell.ts'
import { diskSight, nodeDiskSight, raidSight } from './disk-sights.ts'
import { startLoop } from './loop.ts'
import { createProblems, type Sight } from './problems.ts'
import type { Watch, WatchLog } from './types.ts'

const LONGEST_MS = 300_000
/** Disks of one node that are asked at the same time. */
const AT_ONCE = 4
/** Proxmox wakes the disks that it looks at. */
const NODE_MS = 6 * 3_600_000

interface Question {
  readonly key: string
  /** @throws HomelabError when the node does not answer */
  look(shell: Shell): Promise<Sight>
}

export interface DiskWatchOptions {
  readonly lab: Lab
  readonly shells: Services['shells']
  readonly proxmox: Pick<Proxmox, 'disks'>
  readonly facts: FactStore
  readonly tell: Tell
  readonly clock: Clock
  readonly log: WatchLog
  readonly wanted?: (() => boolean) | undefined
  /** Milliseconds before the first look, and between two. */
  readonly firstMs: number
  readonly everyMs: number
}

export function startDiskWatch(options: DiskWatchOptions): Watch {
  const { lab, shells, proxmox, clock } = options
  const problems = createProblems({ ...options, name: 'watch.disks', looks: 1 })
  /** What Proxmox said of the disks of a node, and when. */
  const known = new Map<string, { readonly at: number; readonly sights: readonly Sight[] }>()

  /** Undefined when the node cannot be asked now. */
  async function asked<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      if (!isHomelabError(error)) throw error
      return undefined
    }
  }

  /** The first says whether the node answers at all: one that does not is not waited for with each of its disks. */
  async function ofHost(
    node: string,
    questions: readonly Question[],
    signal: AbortSignal,
  ): Promise<readonly Sight[]> {
    const [first, ...others] = questions
    if (first === undefined) return []
    const ask = async ({ key, look }: Question): Promise<Sight> =>
      (await asked(() => look(shells.host(node)), signal)) ?? { key, is: 'unclear' }
    const answer = await ask(first)
    const deaf = answer.is === 'unclear'
    const more = await inParallel(others, AT_ONCE, async (each) =>
      deaf ? ({ key: each.key, is: 'unclear' } as const) : await ask(each),
    )
    return [answer, ...more]
  }

  async function ofFile(overview: Overview, signal: AbortSignal): Promise<readonly Sight[]> {
    const blind: Sight[] = []
    const hosts = new Map<string, Map<string, Question>>()
    for (const { name, node: own, storage, raid, disks = [] } of lab.inventory.storages) {
      const node = own ?? overview.storages.find((each) => each.storage === storage)?.node
      if (node === undefined) continue
      const about = { storage: name, node }
      if (!shells.has(node)) {
        if (raid === undefined) continue
        const text = `homelab.yaml has no proxmox.ssh.${node}.`
        const title = `The RAID of ${name} cannot be seen`
        blind.push({ key: raidKey(node, raid), is: 'blind', title, text, about })
        continue
      }
      const questions = hosts.get(node) ?? new Map<string, Question>()
      hosts.set(node, questions)
      if (raid !== undefined) {
        const key = raidKey(node, raid)
        const look = async (shell: Shell): Promise<Sight> =>
          raidSight(key, await readRaid(shell, raid, signal), about)
        questions.set(key, { key, look })
      }
      for (const disk of disks) {
        const key = keyOf(node, disk)
        const look = async (shell: Shell): Promise<Sight> =>
          diskSight(key, await readDisk(shell, disk, signal), about)
        questions.set(key, { key, look })
      }
    }
    const seen = [...hosts].map(([node, questions]) => ofHost(node, [...questions.values()], signal))
    return [...blind, ...(await Promise.all(seen)).flat()]
  }

  async function ofNode(node: string, signal: AbortSignal): Promise<readonly Sight[]> {
    const before = known.get(node)
    const now = clock.monotonic()
    if (before !== undefined && now - before.at < NODE_MS) return before.sights
    const key = `smart/${node}`
    try {
      const disks = await proxmox.disks(node, signal)
      const sights = disks.map((disk) => nodeDiskSight(keyOf(node, disk.disk), disk, node))
      known.set(node, { at: now, sights })
      return sights
    } catch (error) {
      signal.throwIfAborted()
      if (!isHomelabError(error)) throw error
      if (error.code !== 'denied' && error.code !== 'unauthorised') return before?.sights ?? []
      const title = `The disks of ${node} cannot be seen`
      return [{ key, is: 'blind', title, text: error.message, about: { node } }]
    }
  }

  return startLoop(
    async (signal) => {
      // A lab that is away is told as such.
      const overview = await lab.overview({ signal }).catch(() => undefined)
      signal.throwIfAborted()
      if (overview === undefined || overview.filtered) return
      const sights = new Map((await ofFile(overview, signal)).map((sight) => [sight.key, sight]))
      const without = overview.nodes.filter(({ node }) => !shells.has(node))
      for (const { node, status } of without)
        if (status === 'online') for (const sight of await ofNode(node, signal)) sights.set(sight.key, sight)
      // Of what was not asked now nothing is known.
      const silent = without.map(({ node }) => `smart/${node}/`)
      await problems.see([...sights.values()], (key) => silent.some((start) => key.startsWith(start)))
    },
    { ...options, trouble: 'the disks cannot be looked at', longestMs: LONGEST_MS },
  )
}

const raidKey = (node: string, raid: string): string => `raid/${node}/${raid.replace('/dev/', '')}`
const keyOf = (node: string, disk: string): string => `smart/${node}/${disk.replace('/dev/', '')}`
