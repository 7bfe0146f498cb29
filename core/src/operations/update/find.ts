/** What is to be updated, and what the plan says of it. */
import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import type { Target } from '../../inventory/types.ts'
import { joinWords } from '../../nearest.ts'
import { duration, guestPlace } from '../../operation/view.ts'
import type { Inside } from '../../update/look.ts'
import { one } from '../guest/one.ts'
import { refuseBusy } from '../snapshot/change.ts'
import { type Services, type Way, wayFor } from './secure.ts'

export const input = z.object({
  service: z.string().describe('Service or guest').meta({ suggest: 'services' }),
  only: z
    .enum(['all', 'packages', 'script'])
    .default('all')
    .describe('Packages of its system, the script of the community, or both'),
  secure: z
    .enum(['auto', 'snapshot', 'backup', 'nothing'])
    .default('auto')
    .describe('What there is to go back to: a snapshot where it can have one, else an archive'),
  storage: z
    .string()
    .optional()
    .describe('Where an archive goes; default: the only storage that takes one')
    .meta({ suggest: 'storages' }),
  rollback: z
    .enum(['snapshot', 'backup', 'never'])
    .default('snapshot')
    .describe(
      'By itself when it fails: to the snapshot; also to the archive, which destroys the disks first',
    ),
  minutes: z.int().min(1).max(600).default(60).describe('That the packages, and the script, may take'),
  health: z.int().min(1).max(3600).default(180).describe('Seconds in which it must answer afterwards'),
  force: z
    .boolean()
    .default(false)
    .describe('Although it does not answer now: then its health decides nothing'),
})
export type Input = z.infer<typeof input>

export interface Found {
  readonly target: Target
  readonly way: Way
  /** Whether it answered before; true when nothing is known to ask it by. */
  readonly up: boolean
}

/** Only reads. @throws HomelabError `usage`, `config`, `conflict`, `locked` with what to do first */
export async function find(wanted: Input, services: Services, signal: AbortSignal): Promise<Found> {
  const { lab, proxmox, health, shells } = services
  const target = await one(lab, wanted.service, signal)
  const { guest, name } = target
  if (guest.type !== 'lxc')
    throw new HomelabError('usage', `${name} is a virtual machine: only containers are updated from here.`)
  if (!shells.has(guest.node))
    throw new HomelabError('config', `There is no SSH access to ${guest.node}.`, {
      hint: 'Add it under `proxmox.ssh` in homelab.yaml.',
    })
  refuseBusy(target)
  // The overview can be 10 s old.
  const { status } = await proxmox.guestStatus(guest, signal)
  if (status !== 'running')
    throw new HomelabError(
      'conflict',
      `${name} (${guestPlace(guest)}) is ${status}: it is updated while it runs.`,
      {
        hint: `\`start ${name}\` first.`,
      },
    )
  const running = { ...target, guest: { ...guest, status: 'running' as const } }
  const { state, detail } = await health.check(running, { signal })
  const up = state === 'up' || state === 'none'
  if (!up && !wanted.force)
    throw new HomelabError(
      'conflict',
      `${name} does not answer as it should now (${detail}): whether an update breaks it could not be told.`,
      {
        hint: `\`logs ${name}\` shows why. With \`force:true\` it is updated all the same.`,
      },
    )
  const way = await wayFor(target, wanted.secure, wanted.storage, services, signal)
  return { target, way, up }
}

const packagesToo = (wanted: Input, inside: Inside): boolean =>
  wanted.only !== 'script' && inside.manager !== undefined

export function planSteps(wanted: Input, { target, way }: Found, inside: Inside): string[] {
  const { name, service } = target
  const packages = packagesToo(wanted, inside)
  const script = wanted.only === 'packages' ? undefined : inside.helper
  const unit = service?.unit
  return [
    ...(way.by === 'snapshot'
      ? [`A snapshot is taken, and kept until the next update of ${name} is well`]
      : way.by === 'backup'
        ? [`vzdump saves it to ${way.storage}, as it can have no snapshot: ${way.why}`]
        : []),
    ...(script === undefined
      ? []
      : [
          `The script \`update\` of the community brings the newest ${script.app}${script.version === undefined ? '' : ` (now ${script.version})`}`,
        ]),
    ...(packages ? [packagesStep(inside)] : []),
    ...(packages && inside.manager === 'apt' && unit !== undefined ? [`${unit} is started anew`] : []),
    lastStep(wanted, way, name),
  ]
}

function packagesStep({ waiting, listsAge }: Inside): string {
  const age = listsAge === undefined ? '' : `, by lists of ${duration(listsAge)} ago`
  if (waiting.length === 0) return `Its packages are updated: none waits${age}`
  const security = waiting.filter((each) => each.security).length
  const names = waiting.slice(0, 6).map((each) => each.name)
  const more = waiting.length - names.length
  const those = more > 0 ? `${names.join(', ')} and ${more} more` : joinWords(names)
  return `${waiting.length} ${waiting.length === 1 ? 'package is' : 'packages are'} updated${security > 0 ? ` (${security} for security${age})` : age}: ${those}`
}

function lastStep({ rollback, health, force }: Input, way: Way, name: string): string {
  const limit = duration(health * 1000)
  const otherwise =
    way.by === 'snapshot' && rollback !== 'never'
      ? 'else it goes back to the snapshot'
      : way.by === 'backup' && rollback === 'backup'
        ? 'else it is restored from the archive'
        : 'else it stays as it is then, and the way back is said'
  return force ? `${name} is asked whether it answers` : `${name} must answer within ${limit}, ${otherwise}`
}

export function planWarnings(wanted: Input, { target, way, up }: Found, inside: Inside): string[] {
  const { name } = target
  const goesBack =
    (way.by === 'snapshot' && wanted.rollback !== 'never') ||
    (way.by === 'backup' && wanted.rollback === 'backup')
  return [
    `${name} may be down meanwhile.`,
    ...(wanted.only === 'script' || inside.manager === undefined
      ? []
      : ['The lists of packages are read anew first: more may wait by then.']),
    ...(way.by === 'backup' && way.leftOut.length > 0
      ? [
          `Folders of the host prevent snapshots, and are not in the archive either: ${joinWords(way.leftOut)}. What an update does in them cannot be taken back.`,
        ]
      : []),
    ...(way.by === 'nothing' ? ['Nothing is saved before: there is no way back.'] : []),
    ...(goesBack ? [`What ${name} writes between then and going back is lost.`] : []),
    ...(way.by === 'backup' && wanted.rollback === 'backup'
      ? ['Going back destroys its disks before the archive is unpacked, and nobody has read that to its end.']
      : []),
    ...(wanted.only !== 'packages' && inside.helper !== undefined
      ? [
          `The script comes from the internet as it is then. When it asks something it is stopped, and that is a failure${packagesToo(wanted, inside) ? ': its packages stay as they are, too' : ''}.`,
        ]
      : []),
    ...(inside.kept > 0 ? [`${inside.kept} packages are held back, and stay so.`] : []),
    ...(inside.manager === undefined && wanted.only !== 'script'
      ? [`Packages of ${inside.system === '' ? 'its system' : inside.system} are not known.`]
      : []),
    ...(up ? [] : [`${name} does not answer now: its health decides nothing.`]),
  ]
}
