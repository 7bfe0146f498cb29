/** Which restic plans take a path: of a node, or inside a guest. */
import type { BackupEntry } from '../inventory/schema.ts'
import type { Mount } from '../proxmox/guest-config.ts'
import type { Guest } from '../proxmox/types.ts'
import { excludedBelow, isExcluded, isWithin, moved } from './exclude.ts'

export type FilePlan = Pick<
  Extract<BackupEntry, { method: 'restic' }>,
  'name' | 'method' | 'node' | 'service' | 'paths' | 'exclude'
>

export interface Known {
  readonly guest: Pick<Guest, 'vmid' | 'type' | 'node' | 'name' | 'template'>
  readonly mounts: readonly Mount[]
  readonly unreadable?: string
}

/** A restic plan and where it reads: a node's own files, or those inside a guest. */
export interface Files {
  readonly plan: FilePlan
  readonly node?: string
  readonly inside?: Known
}

export interface Verdict {
  readonly covered: readonly string[]
  /** What plans take of it, and what they leave out. */
  readonly notes: readonly string[]
}

export const none: Verdict = { covered: [], notes: [] }
export const both = (verdicts: readonly Verdict[]): Verdict => ({
  covered: [...new Set(verdicts.flatMap(({ covered }) => covered))],
  notes: [...new Set(verdicts.flatMap(({ notes }) => notes))],
})

/** Whether a plan takes this path, as the path is called where the plan reads. */
function judge(plan: FilePlan, path: string): Verdict {
  const { exclude = [] } = plan
  if (!plan.paths.some((root) => isWithin(path, root))) {
    const below = plan.paths.filter((root) => isWithin(root, path))
    return below.length === 0
      ? none
      : { covered: [], notes: [`${plan.name} takes only ${below.join(', ')} of it`] }
  }
  // Also `folder/*`: what takes any child of it, by whatever name, leaves an empty folder.
  const all = isExcluded(path, exclude) || isExcluded(`${path}/\0`, exclude)
  if (all) return { covered: [], notes: [`${plan.name} excludes it`] }
  const left = excludedBelow(path, exclude)
  return {
    covered: [plan.name],
    notes: left.length === 0 ? [] : [`${plan.name} leaves out ${left.join(', ')}`],
  }
}

/** A path inside a guest, which only plans inside that guest read. */
export const judgeInside = (files: readonly Files[], vmid: number, path: string): Verdict =>
  both(files.filter(({ inside }) => inside?.guest.vmid === vmid).map(({ plan }) => judge(plan, path)))

/** A path of a node: its own plans, and those inside containers that have it, or a folder above it, mounted. */
export function judgeOnHost(files: readonly Files[], node: string, path: string): Verdict {
  return both(
    files.flatMap(({ plan, node: own, inside }) => {
      if (own === node) return [judge(plan, path)]
      if (inside?.guest.node !== node) return []
      return inside.mounts
        .filter(({ kind, source, target }) => kind === 'bind' && target !== '' && isWithin(path, source))
        .map(({ source, target }) => judge(plan, moved(path, source, target)))
    }),
  )
}
