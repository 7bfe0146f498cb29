/** What of a homelab.yaml's long operations may be left to go on: one job on one machine, and no change after it. */
import { HomelabError, type Need, type Operation } from '@homelab/core'
import { isRestic, planNamed, titleOf } from '@homelab/core/backup'
import type { Inventory } from '@homelab/core/inventory'
import type { Subject } from '../job/ticket.ts'
import { fileNeeds } from './lab.ts'

/** Milliseconds: what may take longer holds no worker until it is over. */
const long = 3_600_000

export const isLong = ({ deadlineMs = 0 }: Pick<Operation, 'deadlineMs'>): boolean => deadlineMs > long

/** Long ones that are one job in most cases; where they are not, `subjectOf` says what to do instead. */
const leavable = ['backup.run', 'backup.prune', 'backup.drill', 'backup.restore', 'backup.verify']

/** Whether a file alone is enough: for what it needs, and to see a long series of changes to its end. */
export const runsWithFile = (operation: Pick<Operation, 'id' | 'needs' | 'deadlineMs'>): boolean =>
  (operation.needs as readonly Need[]).every((need) => fileNeeds.some((given) => given === need)) &&
  (!isLong(operation) || leavable.includes(operation.id))

export interface FileSubject extends Subject {
  /** A program, or a path. */
  readonly restic: string
}

/**
 * @returns undefined when it does not take long after all
 * @throws HomelabError `usage` when it has several steps, with what to do instead
 */
export function subjectOf(
  { id, title }: Pick<Operation, 'id' | 'title'>,
  input: Readonly<Record<string, unknown>>,
  inventory: Inventory,
): FileSubject | undefined {
  const { repository: wanted } = input
  const one = (name: string, repository: { readonly binary?: string | undefined } = {}) => ({
    name,
    restic: repository.binary ?? 'restic',
  })
  if (id === 'backup.verify') {
    const repository = inventory.repositories.find((each) => each.name === wanted || titleOf(each) === wanted)
    return one(repository?.name ?? String(wanted), repository)
  }
  if (!leavable.includes(id)) {
    throw several(`"${title}" cannot be left to go on`, '')
  }
  const plan = planNamed(inventory, String(input.plan))
  if (plan.method === 'vzdump') {
    if (id === 'backup.drill') {
      throw several(
        `A drill of ${titleOf(plan)} restores a copy of a guest, starts it and destroys it`,
        'Or wait for it: Backup: Drill of the Proxmox VE node. ',
      )
    }
    if (id !== 'backup.run') return undefined
    throw several(
      `${titleOf(plan)} saves guests one after the other, and removes old archives between them`,
      'Or do it guest by guest, by Backup: Create of the Proxmox VE node. ',
    )
  }
  const repositories = inventory.repositories.filter(
    (each) => isRestic(each) && plan.to.includes(each.name) && (wanted === undefined || each.name === wanted),
  )
  if (repositories.length > 1 && id === 'backup.run') {
    const names = repositories.map(({ name }) => name).join(', ')
    throw several(
      `${titleOf(plan)} is saved into ${repositories.length} repositories, one after the other`,
      `Or choose a Repository under Options, in a node for each: ${names}. `,
    )
  }
  if (repositories.length > 1 && id === 'backup.prune') {
    throw several(
      `${titleOf(plan)} is removed from ${repositories.length} repositories, one after the other`,
      'Or use Forget of the Homelab Backup node, with the credential of each repository. ',
    )
  }
  if (input.live === true) {
    throw several(
      'A database in place of the live one is backed up, restored and swapped, step by step',
      'Or leave Live out: it is restored beside the live one. ',
    )
  }
  return one(plan.name, repositories[0])
}

const several = (what: string, hint: string): HomelabError =>
  new HomelabError('usage', `${what}: without a bot nobody would see to the rest. Nothing was begun.`, {
    hint: `Choose "Homelab Bot" under Authentication, whose runs go on by themselves. ${hint}`.trim(),
  })
