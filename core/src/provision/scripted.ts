/**
 * The containers of a node while a community script makes one there: whichever number it takes, ours has our hostname and is new.
 * A person who runs the same script by hand meanwhile may give that hostname, too, and not our tag.
 */
import { HomelabError } from '../errors.ts'
import type { Json } from '../operation/types.ts'
import { unlockHint } from '../operations/guest/unlock.ts'
import type { Shell } from '../ports.ts'
import type { GuestRef } from '../proxmox/types.ts'
import { lastWords } from './pct.ts'
import { assertNotBeingMade, remove, STOP_SECONDS, type TakingServices } from './take-away.ts'

export interface Listed {
  readonly vmid: number
  /** `CT107` and the like as long as it has no hostname. */
  readonly name: string
  readonly lock?: string
}

/** As root sees them: all of them, and at once, whereas the overview of the API comes some seconds later. */
export async function containersOn(shell: Shell, signal?: AbortSignal): Promise<readonly Listed[]> {
  const result = await shell.exec(['pct', 'list'], {
    timeoutMs: 60_000,
    ...(signal === undefined ? {} : { signal }),
  })
  if (result.code !== 0 || result.truncated)
    throw new HomelabError('failed', `The containers could not be listed: ${lastWords(result)}`)
  return result.stdout.split('\n').flatMap(listed)
}

/** Columns of 10, 10, 12 and 20, of which the lock may be empty, or longer. */
function listed(line: string): readonly Listed[] {
  const [vmid = '', , ...rest] = line.trim().split(/\s+/)
  if (!/^\d+$/.test(vmid)) return []
  const locked = rest.length > 1 || /^\S/.test(line.slice(22))
  const name = (locked ? rest[1] : rest[0]) ?? ''
  return [{ vmid: Number(vmid), name, ...(locked && rest[0] !== undefined ? { lock: rest[0] } : {}) }]
}

export interface Making {
  readonly name: string
  readonly node: string
  /** That the script was told to take. */
  readonly vmid: number
  /** The VMIDs of the node before it began; undefined when that is not known: then only the one that it was told is its own. */
  readonly before: readonly number[] | undefined
}

/** As long as it is being made, and when that broke off. */
export const isNameless = ({ vmid, name }: Listed): boolean => name === '' || name === `CT${vmid}`

const newIn = (all: readonly Listed[], { vmid, before }: Making): readonly Listed[] =>
  all.filter((each) => (before === undefined ? each.vmid === vmid : !before.includes(each.vmid)))

/** What the script made, as far as the hostname tells. */
export const madeIn = (all: readonly Listed[], making: Making): readonly Listed[] =>
  newIn(all, making).filter((each) => each.name === making.name)

/** Whether it has the tag that our scripts are told, and that those of nobody else have. */
export const isTagged = ({ tags }: Readonly<Record<string, Json>>): boolean =>
  String(tags ?? '')
    .split(/[;, ]+/)
    .includes('homelab')

export const severalError = ({ name, node }: Making, vmids: readonly number[]): HomelabError =>
  new HomelabError(
    'conflict',
    `${vmids.join(' and ')} on ${node} are both called ${name} and new: which of them this run made is not known.`,
    {
      hint: `Both were left alone: \`guest show ${vmids[0]}\`, then \`guest delete\` what is not needed.`,
      data: { node, vmids: [...vmids] },
    },
  )

/**
 * Takes away what the script made, under whichever number, and nothing that was there before, is called otherwise or has not our tag.
 * To be called when the script does not run any more.
 * @throws HomelabError `conflict` when it cannot be told whether something is ours: it is left alone then; `timeout` when it is
 * being made
 */
export async function takeScripted(
  making: Making,
  services: TakingServices,
  log: (line: string) => void,
): Promise<void> {
  const { name, node, vmid } = making
  const { clock, shells } = services
  const shell = shells.host(node)
  const end = clock.monotonic() + STOP_SECONDS * 1000
  // Until it is made it has no name.
  const isOpen = (each: Listed) => each.lock === 'create' && (each.name === name || isNameless(each))
  let fresh: readonly Listed[]
  for (;;) {
    fresh = newIn(await containersOn(shell), making)
    // What makes it may go on without the script.
    if (!fresh.some(isOpen) || clock.monotonic() >= end) break
    await clock.sleep(500)
  }
  const taken = await takeNamed(fresh, making, services, log)
  if (!taken) {
    // Whoever makes it: what it becomes is known when that is over.
    for (const each of fresh)
      if (isOpen(each) || (each.vmid === vmid && each.lock === 'create'))
        await assertNotBeingMade({ vmid: each.vmid, node }, services)
    const unknown = fresh.filter((each) => isNameless(each) && (each.vmid === vmid || isOpen(each)))
    if (unknown.length > 0) throw unknownError(making, unknown)
  }
  const there = fresh.find((each) => each.vmid === vmid && each.name !== name)
  if (there !== undefined)
    log(
      `${vmid} on ${node} is not what this run made${isNameless(there) ? '' : `, but ${there.name}`}: it was left alone`,
    )
}

/** @returns whether there was something to take */
async function takeNamed(
  fresh: readonly Listed[],
  making: Making,
  services: TakingServices,
  log: (line: string) => void,
): Promise<boolean> {
  const { name, node } = making
  const mine: GuestRef[] = []
  const others: number[] = []
  for (const { vmid, lock } of madeIn(fresh, making)) {
    // It may have become somebody else's restore by now, and its lock is not taken off meanwhile.
    if (lock === 'create') await assertNotBeingMade({ vmid, node }, services)
    const guest: GuestRef = { vmid, type: 'lxc', node, name }
    if (isTagged(await services.proxmox.guestConfig(guest))) mine.push(guest)
    else others.push(vmid)
  }
  if (mine.length > 1)
    throw severalError(
      making,
      mine.map((each) => each.vmid),
    )
  for (const guest of mine) await remove(guest, services)
  const [first] = others
  if (first === undefined) return mine.length > 0
  const said = `${others.join(' and ')} on ${node} has the hostname ${name}, but not the tag homelab, which this run's has`
  if (mine.length === 0)
    throw new HomelabError('conflict', `${said}: it was left alone.`, {
      hint: `Somebody may have made it by hand: \`guest show ${first}\`, then \`guest delete\` if it is not needed.`,
      data: { node, vmids: others },
    })
  log(`${said}: it was left alone`)
  return true
}

const unknownError = ({ node }: Making, all: readonly Listed[]): HomelabError => {
  const said = all.map(
    ({ vmid, lock }) =>
      `${vmid} on ${node} has no hostname${lock === undefined ? '' : ` and is locked (${lock})`}`,
  )
  return new HomelabError(
    'conflict',
    `${said.join('; ')}: whether this run made it is not known, and it was left alone.`,
    {
      // Its disks are not named by its configuration yet, and would stay.
      hint: all.map(({ vmid, name }) => unlockHint({ vmid, type: 'lxc', node, name })).join(' '),
      data: { node, vmids: all.map(({ vmid }) => vmid) },
    },
  )
}
