/** Which guest of a plan is drilled next: the one whose drill is the longest ago, by what the notes of its archives say. */
import { HomelabError, isHomelabError } from '../errors.ts'

import type { Lab, Target } from '../inventory/types.ts'
import type { Clock } from '../ports.ts'
import type { Archive, GuestConfig } from '../proxmox/backup-types.ts'
import { evidenceOf, type GuestEvidence, isOf } from './archive-notes.ts'
import { storageIn } from './guest-archives.ts'
import type { GuestDrillServices } from './guest-drill.ts'
import { type ArchiveToTry, blame, type CopyRoom, roomForCopy } from './guest-proof.ts'
import { titleOf } from './plan.ts'
import { scratchPlan } from './scratch.ts'
import type { GuestPlan } from './vzdump.ts'

export interface RotationServices extends GuestDrillServices {
  readonly lab: Lab
  readonly clock: Clock
}

export interface Turn {
  readonly name: string
  readonly guest: Target['guest']
  readonly archive: Archive
  /** Why nothing can come out of the archive: its drill has failed before it began. */
  readonly copy: (ArchiveToTry & { readonly room: CopyRoom }) | { readonly broken: string }
  /** When it was last tried, milliseconds since 1970. */
  readonly tried?: number
  /** Guests of the plan. */
  readonly of: number
  /** Whose turn it would have been, and why they cannot be drilled. */
  readonly passedOver: readonly { readonly name: string; readonly why: string }[]
  /** Others of the plan whose last drill failed. */
  readonly failing: readonly string[]
}

interface Candidate {
  readonly target: Target
  readonly own: readonly Archive[]
  readonly evidence: GuestEvidence
  /** Why nobody could look. */
  readonly unseen?: string
}

/**
 * Those that were never tried come first. One that cannot be drilled is passed over, or it would be its turn for ever;
 * one whose newest archive is broken is not: that is what a drill is to find.
 * @param storage of Proxmox
 * @param wanted this guest, and not the one whose turn it is
 * @throws HomelabError `not-found` when none of them can be
 */
export async function nextTurn(
  plan: GuestPlan,
  storage: string,
  services: RotationServices,
  signal: AbortSignal,
  wanted?: string,
): Promise<Turn> {
  const { lab } = services
  const targets = await lab.resolve(plan.guests, { fresh: true, signal })
  const candidates = (await candidatesOf(plan, storage, targets, services, signal)).toSorted(
    (a, b) => (a.evidence.tried ?? 0) - (b.evidence.tried ?? 0) || a.target.guest.vmid - b.target.guest.vmid,
  )
  const passedOver: Turn['passedOver'][number][] = []
  for (const candidate of await onlyWanted(candidates, wanted, { plan, lab, signal })) {
    try {
      const turn = await turnOf(candidate, services, signal)
      const failing = candidates.flatMap((each) =>
        each === candidate || each.evidence.failed === undefined ? [] : [each.target.name],
      )
      return { ...turn, of: targets.length, passedOver, failing }
    } catch (error) {
      signal.throwIfAborted()
      if (!isHomelabError(error)) throw error
      passedOver.push({ name: candidate.target.name, why: error.message })
    }
  }
  const said = passedOver.map(({ name, why }) => `${name}: ${why}`).join(' ')
  throw new HomelabError(
    'not-found',
    targets.length === 0
      ? `The plan ${plan.name} has no guests.`
      : `None of the ${targets.length} guests of ${plan.name} can be drilled. ${said}`,
    {
      hint: `\`backup run ${plan.name}\` makes an archive of each; \`backup status ${plan.name}\` has what is there.`,
    },
  )
}

/**
 * @param wanted a guest by name or VMID; undefined: any
 * @throws HomelabError `not-found` when the plan does not have it
 */
export async function onlyWanted<T extends { readonly target: Target }>(
  candidates: readonly T[],
  wanted: string | undefined,
  { plan, lab, signal }: { readonly plan: GuestPlan; readonly lab: Lab; readonly signal: AbortSignal },
): Promise<readonly T[]> {
  if (wanted === undefined) return candidates
  const [found] = await lab.resolve([wanted], { signal })
  const only = candidates.filter(({ target }) => target.guest.vmid === found?.guest.vmid)
  if (only.length > 0) return only
  throw new HomelabError('not-found', `${titleOf(plan)} does not save ${found?.name ?? wanted}.`, {
    hint: `It saves ${candidates.map(({ target }) => target.name).join(', ') || 'nothing'}.`,
  })
}

interface Look {
  readonly node: string
  readonly archives: readonly Archive[]
  readonly unseen?: string
}

async function candidatesOf(
  plan: GuestPlan,
  storage: string,
  targets: readonly Target[],
  { proxmox, clock }: RotationServices,
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  const nodes = [...new Set(targets.map(({ guest }) => guest.node))]
  const looks = await Promise.all(
    nodes.map(async (node): Promise<Look> => {
      try {
        return { node, archives: await proxmox.backups.archives({ node, storage }, signal) }
      } catch (error) {
        signal.throwIfAborted()
        if (!isHomelabError(error)) throw error
        return { node, archives: [], unseen: error.message }
      }
    }),
  )
  return targets.map((target) => {
    const look = looks.find(({ node }) => node === target.guest.node)
    const { archives, unseen }: Partial<Look> = look ?? {}
    const own = (archives ?? []).filter(
      (archive) => archive.vmid === target.guest.vmid && isOf(archive, plan),
    )
    return {
      target,
      own,
      evidence: evidenceOf(own, clock.now()),
      ...(unseen === undefined ? {} : { unseen }),
    }
  })
}

/** @throws HomelabError with why this one cannot be drilled, which says nothing of its archive */
async function turnOf(
  { target: { name, guest }, own, evidence, unseen }: Candidate,
  { lab, proxmox, shells }: RotationServices,
  signal: AbortSignal,
): Promise<Omit<Turn, 'of' | 'passedOver' | 'failing'>> {
  if (unseen !== undefined) throw new HomelabError('unreachable', unseen)
  const { node, type, vmid } = guest
  // An archive of a VM is none of a container that has its number now.
  const [archive] = own
    .filter((each) => each.type === undefined || each.type === type)
    .toSorted((a, b) => b.ctime - a.ctime)
  if (archive === undefined) throw new HomelabError('not-found', 'The plan has no archive of it.')
  const { tried } = evidence
  const turn = { name, guest, archive, ...(tried === undefined ? {} : { tried }) }
  const config = await configIn({ node, archive }, proxmox, signal)
  if (typeof config === 'string') return { ...turn, copy: { broken: config } }
  const storage = storageIn(type, config)
  if (storage === undefined) throw new HomelabError('usage', 'Its archive does not say where its disks were.')
  const { remove } = scratchPlan(type, config, { vmid, run: 'look', storage, archive: archive.volid })
  if (remove.length > 0 && !shells.has(node))
    throw new HomelabError(
      'config',
      `Only root can take ${remove.join(', ')} from a copy: ${node} has no SSH.`,
    )
  const overview = await lab.overview({ signal })
  const room = roomForCopy({ node, storage, type, config }, overview, vmid)
  return { ...turn, copy: { node, volid: archive.volid, storage, room } }
}

/** @returns why there is none, where that is the archive's own fault */
async function configIn(
  { node, archive }: { readonly node: string; readonly archive: Archive },
  { backups }: RotationServices['proxmox'],
  signal: AbortSignal,
): Promise<GuestConfig | string> {
  if (archive.size === 0) return 'The archive is empty: it has 0 bytes.'
  try {
    return await backups.config({ node, archive: archive.volid }, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!isHomelabError(error) || error.code !== 'failed' || blame(error) !== 'archive') throw error
    return error.message
  }
}
