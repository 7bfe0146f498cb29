/** The containers of a node while a community script makes one there: whichever number it takes, ours has our hostname and is new. */
import { HomelabError } from '../errors.ts'
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
  /** The VMIDs of the node before it began. */
  readonly before: readonly number[]
}

/** What the script made, as far as the hostname tells. */
export const madeIn = (all: readonly Listed[], { name, before }: Making): readonly Listed[] =>
  all.filter((each) => each.name === name && !before.includes(each.vmid))

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
 * Takes away what the script made, under whichever number, and nothing that was there before or is called otherwise. To be called
 * when the script does not run any more.
 * @throws HomelabError `conflict` when it cannot be told whether something is ours: it is left alone then
 */
export async function takeScripted(
  making: Making,
  services: TakingServices,
  log: (line: string) => void,
): Promise<void> {
  const { name, node, vmid, before } = making
  const { clock, shells } = services
  const shell = shells.host(node)
  const end = clock.monotonic() + STOP_SECONDS * 1000
  const nameless = (each: Listed) => each.name === '' || each.name === `CT${each.vmid}`
  let fresh: readonly Listed[]
  for (;;) {
    fresh = (await containersOn(shell)).filter((each) => !before.includes(each.vmid))
    // What makes it may go on without the script; until it is made it has no name.
    const open = fresh.some((each) => each.lock === 'create' && (each.name === name || nameless(each)))
    if (!open || clock.monotonic() >= end) break
    await clock.sleep(500)
  }
  const mine = madeIn(fresh, making)
  const locked = fresh.find((each) => each.lock === 'create' && (each.name === name || each.vmid === vmid))
  // Whoever does: it may have become somebody else's restore by now, and its lock is not taken off meanwhile.
  if (locked !== undefined) await assertNotBeingMade({ vmid: locked.vmid, node }, services)
  if (mine.length > 1)
    throw severalError(
      making,
      mine.map((each) => each.vmid),
    )
  for (const each of mine) {
    const guest: GuestRef = { vmid: each.vmid, type: 'lxc', node, name }
    await remove(guest, services)
  }
  const there = fresh.find((each) => each.vmid === vmid && each.name !== name)
  if (there === undefined) return
  if (!nameless(there) || mine.length > 0) {
    log(
      `${vmid} on ${node} is not what this run made${nameless(there) ? '' : `, but ${there.name}`}: it was left alone`,
    )
    return
  }
  throw new HomelabError(
    'conflict',
    `${vmid} on ${node} has no hostname${there.lock === undefined ? '' : ` and is locked (${there.lock})`}: whether this run made it is not known, and it was left alone.`,
    {
      hint: `\`task list ${vmid}\` shows who makes it. If nobody does, on ${node} as root: pct unlock ${vmid} && pct destroy ${vmid}`,
      data: { vmid, node },
    },
  )
}
