/** What goes wrong with backups and restores, in words that say what to do. The texts are those of Proxmox and its tools. */
import { HomelabError, isHomelabError } from '../errors.ts'
import { lockedError, lockIn } from './errors.ts'

export interface BackupFacts {
  /** `The backup of 110 on pve`, to begin a sentence with. */
  readonly what: string
  readonly node: string
  readonly storage?: string
  readonly archive?: string
}

type Make = (
  facts: BackupFacts,
  found: RegExpExecArray,
) => readonly [
  code: HomelabError['code'],
  message: string,
  hint: string,
  data?: Readonly<Record<string, unknown>>,
]

/** That it failed because a storage has no room left says nothing of the archive. */
export const isFull = (error: unknown): boolean => isHomelabError(error) && error.data?.full === true

const storageOf = (facts: BackupFacts): string => facts.storage ?? 'that it writes to'

/** In the order in which they are tried. */
const known: readonly (readonly [RegExp, Make])[] = [
  [
    /No space left on device|out of space|not enough free space|insufficient free (?:space|extents)|thin pool \S+ reached threshold|Disk quota exceeded/i,
    (facts) => [
      'failed',
      `${facts.what} failed: the storage ${storageOf(facts)} is full.`,
      'Make room: older archives, or another storage. `storage list` shows how full each is.',
      { full: true },
    ],
  ],
  [
    /can't ac?quire lock '[^']*vzdump\.lock'/,
    (facts) => [
      'locked',
      `${facts.what} was not begun: another backup job of ${facts.node} did not end in time.`,
      'A node makes one at a time. `task list` shows the one that runs.',
    ],
  ],
  [
    /storage '([^']+)' does not exist|no such storage '?([^']+)'?/,
    (facts, [, one, other]) => [
      'not-found',
      `${facts.what} was not begun: there is no storage ${one ?? other} on ${facts.node}.`,
      'Correct its name in homelab.yaml; `storage list` shows what is there.',
    ],
  ],
  [
    /storage '([^']+)' (?:for backups - wrong content type|does not support backups)/,
    (facts, [, storage]) => [
      'config',
      `${facts.what} was not begun: the storage ${storage} does not take backups.`,
      `Allow the content "VZDump backup file" for ${storage} in Proxmox (Datacenter, Storage).`,
    ],
  ],
  [
    /storage '([^']+)' does not support (?:container directories|vm images|content type '(?:rootdir|images)')/i,
    (facts, [, storage]) => [
      'config',
      `${facts.what} was not begun: the storage ${storage} takes no disks of guests.`,
      'Name another storage for the restored disks; `storage list` shows what each takes.',
    ],
  ],
  [
    /cannot remove protected volume/,
    (facts) => [
      'conflict',
      `${facts.archive ?? 'The archive'} is protected, so it was not removed.`,
      'Take its protection off first, if that is really meant.',
    ],
  ],
  [
    /Unexpected EOF in archive|premature end|unexpected end of file|short vma extent|tar: .*not recoverable/i,
    (facts) => [
      'failed',
      `${facts.what} failed: the archive ${facts.archive ?? ''} ends in the middle or is damaged.`.replace(
        '  ',
        ' ',
      ),
      'Nothing good comes out of it: take another archive, and look why this one is broken.',
      { ofArchive: true },
    ],
  ],
  [
    /archive contains no configuration file/i,
    (facts) => [
      'failed',
      `${facts.what} failed: ${facts.archive ?? 'the archive'} holds no configuration of a guest.`,
      'Without one nothing can be restored: take another archive.',
      { ofArchive: true },
    ],
  ],
  [
    /only possible for root/,
    (facts) => [
      'unauthorised',
      `${facts.what} was not begun: its archive has mount points of the host, which only root may restore.`,
      'Give its mount points anew without those of the host, and add these by `pct set` on the node.',
    ],
  ],
]

/** The same failure in plain words when it is a known one; its facts stay in `data`. Anything else as it is. */
export function explain(error: unknown, facts: BackupFacts, log: readonly string[] = []): unknown {
  if (!isHomelabError(error) || error.code === 'unclear') return error
  const { text = '', exitStatus = '' } = error.data ?? {}
  const said = [error.message, String(text), String(exitStatus), ...log].join('\n')
  for (const [pattern, make] of known) {
    const found = pattern.exec(said)
    if (found === null) continue
    const [code, message, hint, more] = make(facts, found)
    return new HomelabError(code, message, {
      hint,
      ...(error.data === undefined && more === undefined ? {} : { data: { ...error.data, ...more } }),
      cause: error,
    })
  }
  // A guest's own lock is in the log of a backup, not in how its task ended.
  const lock = error.code === 'locked' ? undefined : lockIn(log.join('\n'))
  if (lock !== undefined)
    return lockedError(`${facts.what} failed: the guest is locked (${lock}).`, lock, error.data)
  return error
}
