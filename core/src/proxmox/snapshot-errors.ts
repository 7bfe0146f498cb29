/** What goes wrong with snapshots, in words that say what to do. The texts are those of Proxmox and its storages. */
import { HomelabError, isHomelabError } from '../errors.ts'

export interface SnapshotFacts {
  /** `CT 110 on pve` */
  readonly guest: string
  readonly vmid: number
  readonly name: string
}

type Make = (facts: SnapshotFacts, found: RegExpExecArray) => readonly [HomelabError['code'], string, string]

/** In the order in which they are tried. */
const known: readonly (readonly [RegExp, Make])[] = [
  [
    /snapshot feature is not available/,
    ({ guest, vmid }) => ['conflict', `${guest} can have no snapshots.`, archiveInstead(vmid)],
  ],
  [
    /snapshot name '([^']+)' already used/,
    ({ guest }, [, name]) => [
      'conflict',
      `${guest} has a snapshot "${name}" already.`,
      'Take another name, or delete that one first.',
    ],
  ],
  [
    /can't rollback, '([^']+)' is not most recent snapshot on '([^']+)'/,
    ({ guest, vmid }, [, name, volume]) => [
      'conflict',
      `${guest} was not rolled back: there are newer snapshots than "${name}" on ${volume}, and its storage goes back to the newest only.`,
      `\`snapshot list ${vmid}\` shows them. Delete the newer ones first, if they are not needed any more.`,
    ],
  ],
  [
    /snapshot '([^']+)' does not exist/,
    ({ guest, vmid }, [, name]) => [
      'not-found',
      `${guest} has no snapshot "${name}".`,
      `\`snapshot list ${vmid}\` shows those that it has.`,
    ],
  ],
  [
    /unable to rollback to incomplete snapshot/,
    ({ guest, name }) => [
      'conflict',
      `The snapshot "${name}" of ${guest} was never finished: there is nothing to go back to.`,
      'Delete it.',
    ],
  ],
  [
    /needed by replication job '([^']+)'/,
    ({ guest, name }, [, job]) => [
      'conflict',
      `The snapshot "${name}" of ${guest} is needed by the replication job ${job}.`,
      'Let that job run once, then try again.',
    ],
  ],
  [
    /you can't (?:take|delete) a snapshot if|you can't rollback if/,
    ({ guest }) => [
      'conflict',
      `${guest} is a template, which never changes.`,
      'Clone it, and work with the clone.',
    ],
  ],
  [
    /unable to use snapshot name '([^']+)'/,
    (_facts, [, name]) => ['usage', `Proxmox keeps the name "${name}" for itself.`, 'Take another name.'],
  ],
  [
    /No space left on device|out of space|not enough free space|Disk quota exceeded/i,
    ({ guest }) => [
      'failed',
      `The storage of ${guest} is full.`,
      'Make room: older snapshots take more the more has changed since. `storage list` shows how full each is.',
    ],
  ],
]

/** The way out where snapshots are impossible. */
export const archiveInstead = (vmid: number): string =>
  `Make an archive of it instead: \`guest backup ${vmid}\`. It leaves folders of the host out, which have to be saved on their own.`

/** The same failure in plain words when it is a known one; its facts, with the log, stay in `data`. */
export function explainSnapshot(error: unknown, facts: SnapshotFacts): unknown {
  if (!isHomelabError(error) || error.code === 'unclear' || error.code === 'locked') return error
  const { text = '', exitStatus = '' } = error.data ?? {}
  const said = [error.message, String(text), String(exitStatus)].join('\n')
  for (const [pattern, make] of known) {
    const found = pattern.exec(said)
    if (found === null) continue
    const [code, message, hint] = make(facts, found)
    return new HomelabError(code, message, {
      hint,
      ...(error.data === undefined ? {} : { data: error.data }),
      cause: error,
    })
  }
  return error
}
