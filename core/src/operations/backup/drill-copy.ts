/** The drill of the copies that restic has of a plan of whole guests: the one whose turn it is, back as the archive that it was. */
import { z } from 'zod'
import { type CopyTurn, nextCopy } from '../../backup/copy-rotation.ts'
import { drill, findDrill } from '../../backup/drill.ts'
import { type EvidenceServices, forgetLooks } from '../../backup/evidence.ts'
import type { Place } from '../../backup/place.ts'
import { isRestic, type ResticRepository, titleOf } from '../../backup/plan.ts'
import { day } from '../../backup/restore-words.ts'
import { copyPlan, type GuestPlan } from '../../backup/vzdump.ts'
import type { Card } from '../../operation/card.ts'
import { shared } from '../../operation/locks.ts'
import type { Json, Plan, Verbs } from '../../operation/types.ts'
import { duration, guestPlace } from '../../operation/view.ts'
import { costText } from './cost.ts'

/** Of a drill of a copy. */
export const DrilledCopy = z.object({
  name: z.string(),
  vmid: z.int(),
  passedOver: z.array(z.object({ name: z.string(), why: z.string() })).readonly(),
  /** Other guests of the plan, the last drill of whose copy failed. */
  failing: z.array(z.string()).readonly(),
})

interface CopyDrillPlace {
  readonly plan: GuestPlan
  /** Not the one whose turn it is. */
  readonly wanted?: string | undefined
  readonly repository: ResticRepository
  readonly services: EvidenceServices
}

/** undefined: what is wanted is no repository of restic that the plan copies its archives into. */
export function copyDrillPlace(
  plan: GuestPlan,
  wanted: string | undefined,
  services: EvidenceServices,
): CopyDrillPlace | undefined {
  const repository = services.lab.inventory.repositories.find(
    ({ name }) => name === wanted?.toLowerCase() && plan.to.includes(name),
  )
  return repository !== undefined && isRestic(repository) ? { plan, repository, services } : undefined
}

export async function planCopyDrill(
  { plan, repository, services, wanted }: CopyDrillPlace,
  signal: AbortSignal,
): Promise<Plan> {
  const turn = await nextCopy(plan, repository, services, signal, wanted)
  const { name, guest, of, tried, passedOver, failing } = turn
  const { point, cost, recovery } = await findDrill(placeOf({ plan, repository, services }, guest), signal)
  const since = tried === undefined ? 'it was never tried' : `it was tried last on ${day(tried)}`
  return {
    summary: `Try whether the copy of ${name} (${guestPlace(guest)}) comes back from ${titleOf(repository)}`,
    steps: [
      `${name} is taken, of ${of} guests: ${since}`,
      `restic fetches up to ${costText(cost)} of the copy of ${day(point.at)} UTC, with a fresh cache${recovery ? ' and the recovery keys' : ''}, to the storage that its archive was on`,
      'It is compared with the archive, if that is still there; whether the archive comes up as a guest, drills of the storage try',
      'All of it is removed again; that it passed is written into the repository',
    ],
    affects: [],
    warnings: [
      ...(recovery ? [] : [`${titleOf(repository)} has no \`recovery\`: the keys of every day are used.`]),
      ...passedOver.map((one) => `${one.name} is passed over. ${one.why}`),
      ...failing.map((one) => `The last drill of the copy of ${one} failed; this one is of another guest.`),
    ],
    locks: [`drill/${plan.name}`, shared(`repository/${repository.name}`)],
    state: { plan: plan.name, repository: repository.name, guest: guest.vmid, snapshot: point.snapshot },
  }
}

/** As files: each of its snapshots is the one file that is an archive. */
const placeOf = (
  { plan, repository, services }: CopyDrillPlace,
  { vmid, node }: { readonly vmid: number; readonly node: string },
): Place => ({ plan: copyPlan(plan, vmid, node, []), repository, services })

type Taken = Pick<CopyTurn, 'name' | 'passedOver' | 'failing'> & {
  readonly vmid: number
  readonly node: string
}

/** @throws HomelabError `failed` with what is wrong with the copy */
export async function runCopyDrill({ plan, repository, services, wanted }: CopyDrillPlace, verbs: Verbs) {
  const taken = (await verbs.step('drill: whose turn', async () => {
    const { name, guest, passedOver, failing } = await nextCopy(
      plan,
      repository,
      services,
      verbs.signal,
      wanted,
    )
    const { vmid, node } = guest
    const kept: Taken = { name, vmid, node, passedOver, failing }
    return kept as unknown as Json
  })) as unknown as Taken
  const { node, ...copy } = taken
  verbs.log(`it is the turn of ${copy.name}`)
  try {
    const place = placeOf({ plan, repository, services }, taken)
    return { ...(await drill(place, verbs, { beside: true })), copy }
  } finally {
    forgetLooks(services.lab, repository.name)
  }
}

export function copyDrillCard(
  title: string,
  {
    copy: { name, passedOver, failing },
    ...done
  }: {
    readonly copy: z.infer<typeof DrilledCopy>
    readonly repository: string
    readonly snapshot: string
    readonly at: number
    readonly ms: number
    readonly cost: { readonly bytes: number; readonly dollars?: number | undefined }
    readonly recovery: boolean
    readonly same: number
  },
): Card {
  const lists = [
    { title: 'The last drill of their copy failed', items: failing },
    {
      title: 'Passed over',
      items: passedOver.map((one) => `${one.name}: ${one.why}`),
    },
  ].filter(({ items }) => items.length > 0)
  // With nothing to compare it with, all that is known is that restic gave back what it had taken.
  const compared = done.same > 0
  return {
    title: `${title}: the copy of ${name} ${compared ? 'is whole' : 'comes back'}${failing.length === 0 ? '' : `; not those of ${failing.join(', ')}`}`,
    tone: failing.length > 0 ? 'error' : passedOver.length > 0 ? 'warning' : compared ? 'ok' : 'neutral',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Copy', value: `${day(done.at)} UTC in ${done.repository}` },
          {
            name: 'Compared',
            value: compared
              ? 'equal to the archive on the storage'
              : 'with nothing: its archive is gone from the storage, or was changed',
          },
          { name: 'Fetched', value: `up to ${costText(done.cost)}` },
          { name: 'Keys', value: done.recovery ? 'the recovery copy' : 'those of every day' },
          { name: 'Took', value: duration(done.ms) },
        ],
      },
      ...lists.map((list) => ({ kind: 'list' as const, ...list })),
    ],
    footer: `snapshot ${done.snapshot.slice(0, 8)}`,
  }
}
