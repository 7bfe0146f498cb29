/** Which user of a container is which user of its node. Pure. Facts: lxc.container.conf(5), subuid(5). */
import { HomelabError } from '../errors.ts'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** What an unprivileged container has: its 0 to 65535 are these of the node. */
const BASE = 100_000
const COUNT = 65_536

interface Range {
  readonly kind: 'u' | 'g'
  readonly inside: number
  readonly outside: number
  readonly count: number
}

/** @throws HomelabError `usage` for one that cannot be mapped */
function checked(what: 'user' | 'group', id: number): number {
  if (!Number.isInteger(id) || id < 0 || id >= COUNT)
    throw new HomelabError('usage', `${what} ${id} is not among the ${COUNT} of a container`)
  // root of the container must not become root of the node.
  if (id === 0)
    throw new HomelabError(
      'usage',
      `${what} 0 is never mapped: root of the container would be root of the node`,
      {
        hint: 'Run the service as a user of its own, such as 1000.',
      },
    )
  return id
}

/** The same numbers inside and outside for these, and the usual ones for all between. */
function ranges(kind: 'u' | 'g', ids: readonly number[]): readonly Range[] {
  const found: Range[] = []
  const usual = (from: number, to: number) => {
    if (to > from) found.push({ kind, inside: from, outside: BASE + from, count: to - from })
  }
  let next = 0
  const sorted = [...new Set(ids)].toSorted((a, b) => a - b)
  for (let index = 0; index < sorted.length; ) {
    const first = sorted[index] ?? 0
    let count = 1
    while (sorted[index + count] === first + count) count += 1
    usual(next, first)
    found.push({ kind, inside: first, outside: first, count })
    next = first + count
    index += count
  }
  usual(next, COUNT)
  return found
}

const line = ({ kind, inside, outside, count }: Range): string =>
  `lxc.idmap: ${kind} ${inside} ${outside} ${count}`

/**
 * Lines for the configuration of an unprivileged container in which these users and groups are the node's of the same
 * numbers: `lxc.idmap: u 0 100000 1000`, …; [] when there are none.
 * @throws HomelabError `usage` for 0, and for what is not among 65536
 */
export function idmapFor(ids: readonly Owner[]): readonly string[] {
  if (ids.length === 0) return []
  const users = ids.map(({ uid }) => checked('user', uid))
  const groups = ids.map(({ gid }) => checked('group', gid))
  return [...ranges('u', users), ...ranges('g', groups)].map(line)
}

/** Of lines of a configuration, with `lxc.idmap:` before them or without; others are passed by. */
export function parseIdmap(lines: readonly string[]): readonly Range[] {
  return lines.flatMap((text): readonly Range[] => {
    const [, kind, inside, outside, count] =
      /^(?:lxc\.idmap\s*[:=]\s*)?([ug])\s+(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(text.trim()) ?? []
    if (kind !== 'u' && kind !== 'g') return []
    return [{ kind, inside: Number(inside), outside: Number(outside), count: Number(count) }]
  })
}

/**
 * Who a user of the container is on its node.
 * @param lines of its idmap; [] for the usual one
 * @param unprivileged false: they are the same
 */
export function hostOwner(owner: Owner, lines: readonly string[] = [], unprivileged = true): Owner {
  if (!unprivileged) return owner
  const map = parseIdmap(lines)
  const of = (kind: 'u' | 'g', id: number): number => {
    const range = map.find((each) => each.kind === kind && id >= each.inside && id < each.inside + each.count)
    return range === undefined ? BASE + id : range.outside + id - range.inside
  }
  return { uid: of('u', owner.uid), gid: of('g', owner.gid) }
}

/** What root of the node must be allowed to hand on, beside the usual range: `root:1000:1` by file. */
export function subidsFor(
  lines: readonly string[],
): Readonly<Record<'/etc/subuid' | '/etc/subgid', readonly string[]>> {
  const own = parseIdmap(lines).filter(({ outside }) => outside < BASE)
  const of = (kind: 'u' | 'g') =>
    own
      .filter((range) => range.kind === kind)
      .flatMap(({ outside, count }) =>
        Array.from({ length: count }, (_, index) => `root:${outside + index}:1`),
      )
  return { '/etc/subuid': of('u'), '/etc/subgid': of('g') }
}
