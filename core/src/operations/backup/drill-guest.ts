/** The drill of a plan of whole guests: the one whose turn it is, from its newest archive. */
import { z } from 'zod'
import { cameUp, copySystems } from '../../backup/archive-notes.ts'
import {
  canLook,
  copyRun,
  copySeen,
  copyWords,
  drillSteps,
  noteFailure,
  tryArchive,
} from '../../backup/guest-proof.ts'
import { nextTurn, type RotationServices, type Turn } from '../../backup/guest-rotation.ts'
import { freshFor, titleOf } from '../../backup/plan.ts'
import { day } from '../../backup/restore-words.ts'
import type { GuestPlan } from '../../backup/vzdump.ts'
import { HomelabError } from '../../errors.ts'
import type { RepositoryEntry } from '../../inventory/schema.ts'
import { didYouMean } from '../../nearest.ts'
import type { Card } from '../../operation/card.ts'
import type { Json, Plan, Verbs } from '../../operation/types.ts'
import { bytes, duration, guestPlace } from '../../operation/view.ts'
import { archiveName } from '../archive/find.ts'

/** Of a drill of a plan by vzdump. */
export const DrilledGuest = z.object({
  name: z.string(),
  /** Its own; the copy had another. */
  vmid: z.int(),
  /** Where the copy was. */
  storage: z.string(),
  /** `degraded`: some of its units failed; `answers`: it runs a program, and has no systemd; `started`: nobody looked into it. */
  system: z.enum(copySystems),
  /** Whether the system of the copy came up: `running` or `degraded`. */
  proven: z.boolean(),
  restoreSeconds: z.number(),
  bootSeconds: z.number(),
  /** Of one that is `degraded`: its units that failed. */
  units: z.array(z.string()).readonly(),
  /** Mount points that are in no archive. */
  leftOut: z.array(z.string()).readonly(),
  /** Guests of the plan whose turn it would have been, and why they cannot be drilled. */
  passedOver: z.array(z.object({ name: z.string(), why: z.string() })).readonly(),
  /** Other guests of the plan whose last drill failed. */
  failing: z.array(z.string()).readonly(),
})

interface GuestDrillPlace {
  readonly plan: GuestPlan
  /** Not the one whose turn it is. */
  readonly wanted?: string | undefined
  readonly repository: RepositoryEntry & { readonly storage: string }
  readonly services: RotationServices
}

/** @throws HomelabError `not-found` for a repository that the plan does not use */
export function guestDrillPlace(
  plan: GuestPlan,
  wanted: string | undefined,
  services: RotationServices,
): GuestDrillPlace {
  const mine = services.lab.inventory.repositories.filter(({ name }) => plan.to.includes(name))
  const storages = mine.flatMap((each) =>
    each.storage === undefined ? [] : [{ ...each, storage: each.storage }],
  )
  const repository =
    wanted === undefined ? storages[0] : storages.find(({ name }) => name === wanted.toLowerCase())
  if (repository !== undefined) return { plan, repository, services }
  const names = mine.map(({ name }) => name)
  throw wanted === undefined
    ? new HomelabError('config', `${titleOf(plan)} has no storage of Proxmox.`)
    : new HomelabError(
        'not-found',
        `${titleOf(plan)} has no repository ${wanted}.${didYouMean(wanted, names)}`,
      )
}

export async function planGuestDrill(
  { plan, repository, services, wanted }: GuestDrillPlace,
  signal: AbortSignal,
): Promise<Plan> {
  const turn = await nextTurn(plan, repository.storage, services, signal, wanted)
  const { name, guest, archive, copy, tried, of, passedOver, failing } = turn
  const age = services.clock.now().getTime() - archive.ctime * 1000
  const since = tried === undefined ? 'it was never tried' : `it was tried last on ${day(tried)}`
  return {
    summary: `Try whether ${name} (${guestPlace(guest)}) of ${titleOf(plan)} comes back from ${titleOf(repository)}`,
    steps: [
      `${name} is taken, of ${of} guests: ${since}. Its newest archive is ${archiveName(archive.volid)}`,
      ...('broken' in copy
        ? [`nothing can come out of it, and the drill fails: ${copy.broken}`, 'its notes say so then']
        : drillSteps(archive.size, copy.room, canLook(guest.type, guest.node, services))),
    ],
    affects: [],
    warnings: [
      ...(age > freshFor(plan)
        ? [`Its newest archive is ${duration(age)} old; it may get ${duration(freshFor(plan))}.`]
        : []),
      ...passedOver.map((one) => `${one.name} cannot be drilled. ${one.why}`),
      ...failing.map((one) => `The last drill of ${one} failed; this one is of another guest.`),
    ],
    locks: [`drill/${plan.name}`, 'guest-drill'],
    state: { plan: plan.name, repository: repository.name, guest: guest.vmid, archive: archive.volid },
  }
}

interface Taken extends Pick<Turn, 'name' | 'passedOver' | 'failing'> {
  readonly vmid: number
  readonly node: string
  readonly volid: string
  readonly ctime: number
  readonly size: number
  readonly run: string
  readonly copy: { readonly storage: string } | { readonly broken: string }
}

/** @throws HomelabError `failed` also when it passed and the archive's notes do not say so */
export async function runGuestDrill({ plan, repository, services, wanted }: GuestDrillPlace, verbs: Verbs) {
  const { clock } = services
  const began = clock.monotonic()
  const turn = (await verbs.step('drill: whose turn', async () => {
    const found = await nextTurn(plan, repository.storage, services, verbs.signal, wanted)
    const { name, guest, archive, copy, passedOver, failing } = found
    const { vmid, node } = guest
    const { volid, ctime, size } = archive
    const run = copyRun()
    const kept = 'broken' in copy ? copy : { storage: copy.storage }
    const taken: Taken = { name, vmid, node, volid, ctime, size, run, passedOver, failing, copy: kept }
    return taken as unknown as Json
  })) as unknown as Taken
  const { node, volid, run, copy } = turn
  verbs.log(`it is the turn of ${turn.name}: ${volid}`)
  if ('broken' in copy) {
    await noteFailure('archive', { node, volid }, services, verbs)
    throw new HomelabError('failed', `The newest archive of ${turn.name} is broken. ${copy.broken}`, {
      hint: `Look why, and make another: \`backup run ${plan.name}\`. ${archiveName(volid)} is no backup.`,
      data: { archive: volid },
    })
  }
  const { storage } = copy
  const done = await tryArchive({ run, node, volid, storage }, services, verbs)
  if (done.unkept !== null)
    throw new HomelabError(
      'failed',
      `The archive of ${turn.name} ${copyWords[done.system].does}, but its notes do not say so, and its turn would come again: ${done.unkept}`,
      { hint: 'The token needs VM.Backup and Datastore.AllocateSpace to write them.' },
    )
  return {
    repository: repository.name,
    snapshot: volid,
    at: turn.ctime * 1000,
    ms: Math.round(clock.monotonic() - began),
    cost: { bytes: turn.size },
    recovery: false,
    tables: 0,
    rows: 0,
    same: 0,
    changed: 0,
    missingRoles: 0,
    guest: {
      name: turn.name,
      vmid: turn.vmid,
      storage,
      system: done.system,
      proven: cameUp(done.system),
      restoreSeconds: done.restoreSeconds,
      bootSeconds: done.bootSeconds,
      units: done.units,
      leftOut: done.leftOut,
      passedOver: turn.passedOver,
      failing: turn.failing,
    },
  }
}

export function guestDrillCard(
  title: string,
  {
    guest,
    snapshot,
    at,
    cost,
  }: {
    readonly guest: z.infer<typeof DrilledGuest>
    readonly snapshot: string
    readonly at: number
    readonly cost: { readonly bytes: number }
  },
  repository: string,
): Card {
  const { does, tone, known } = copySeen(guest)
  const lists = [
    { title: 'Their last drill failed', items: guest.failing },
    { title: 'In no archive, so nothing is proven of it', items: guest.leftOut },
    {
      title: 'Passed over, as they cannot be drilled',
      items: guest.passedOver.map(({ name, why }) => `${name}: ${why}`),
    },
  ].filter(({ items }) => items.length > 0)
  return {
    title: `${title}: the archive of ${guest.name} ${does}${guest.failing.length === 0 ? '' : `; not those of ${guest.failing.join(', ')}`}`,
    tone: toneOf(guest, tone),
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Archive', value: `${day(at)} UTC in ${repository}` },
          { name: 'Its system', value: known },
          { name: 'Read', value: bytes(cost.bytes) },
          { name: 'Restored in', value: duration(guest.restoreSeconds * 1000) },
          { name: 'Ran after', value: duration(guest.bootSeconds * 1000) },
        ],
      },
      ...lists.map((list) => ({ kind: 'list' as const, ...list })),
    ],
    footer: archiveName(snapshot),
  }
}

/**
 * As long as another guest does not come back it is no success: a scheduler takes that for the end of all trouble. What is
 * in no archive is the same each time, and `backup coverage` names it.
 */
function toneOf(
  { failing, passedOver, leftOut }: z.infer<typeof DrilledGuest>,
  tone: NonNullable<Card['tone']>,
): NonNullable<Card['tone']> {
  if (failing.length > 0) return 'error'
  if (passedOver.length > 0) return 'warning'
  return leftOut.length > 0 && tone === 'ok' ? 'neutral' : tone
}
