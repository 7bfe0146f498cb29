import { describe, expect, it } from 'vitest'
import { hostOwner, idmapFor, parseIdmap, subidsFor } from './idmap.ts'
import { withIdmap } from './idmap-file.ts'

const total = (lines: readonly string[], kind: 'u' | 'g') =>
  parseIdmap(lines)
    .filter((range) => range.kind === kind)
    .reduce((sum, { count }) => sum + count, 0)

describe('idmapFor', () => {
  it('gives one user the same number on both sides, and all others the usual one', () => {
    expect(idmapFor([{ uid: 1000, gid: 1000 }])).toEqual([
      'lxc.idmap: u 0 100000 1000',
      'lxc.idmap: u 1000 1000 1',
      'lxc.idmap: u 1001 101001 64535',
      'lxc.idmap: g 0 100000 1000',
      'lxc.idmap: g 1000 1000 1',
      'lxc.idmap: g 1001 101001 64535',
    ])
  })

  it('maps users and groups of different numbers, and those beside each other as one', () => {
    const lines = idmapFor([
      { uid: 1001, gid: 44 },
      { uid: 1000, gid: 44 },
      { uid: 1001, gid: 105 },
    ])
    expect(lines).toEqual([
      'lxc.idmap: u 0 100000 1000',
      'lxc.idmap: u 1000 1000 2',
      'lxc.idmap: u 1002 101002 64534',
      'lxc.idmap: g 0 100000 44',
      'lxc.idmap: g 44 44 1',
      'lxc.idmap: g 45 100045 60',
      'lxc.idmap: g 105 105 1',
      'lxc.idmap: g 106 100106 65430',
    ])
  })

  it.each([
    [[{ uid: 1, gid: 65_535 }]],
    [[{ uid: 65_535, gid: 1 }]],
    [Array.from({ length: 40 }, (_, at) => ({ uid: at * 1500 + 7, gid: 65_535 - at }))],
  ])('leaves no user and no group out, and none twice', (ids) => {
    const lines = idmapFor(ids)
    for (const kind of ['u', 'g'] as const) {
      expect(total(lines, kind)).toBe(65_536)
      const ranges = parseIdmap(lines).filter((range) => range.kind === kind)
      for (const [index, range] of ranges.entries())
        expect(range.inside).toBe((ranges[index - 1]?.inside ?? 0) + (ranges[index - 1]?.count ?? 0))
    }
    for (const id of ids) expect(hostOwner(id, lines)).toEqual(id)
    // root of the container stays nobody of the node.
    expect(hostOwner({ uid: 0, gid: 0 }, lines)).toEqual({ uid: 100_000, gid: 100_000 })
  })

  it('is nothing for nobody', () => expect(idmapFor([])).toEqual([]))

  it.each([
    [{ uid: 0, gid: 1000 }, 'root of the node'],
    [{ uid: 1000, gid: 0 }, 'root of the node'],
    [{ uid: 65_536, gid: 1 }, 'not among'],
    [{ uid: -1, gid: 1 }, 'not among'],
    [{ uid: 1.5, gid: 1 }, 'not among'],
  ])('refuses %j', (id, message) => {
    expect(() => idmapFor([id])).toThrow(expect.objectContaining({ code: 'usage' }))
    expect(() => idmapFor([id])).toThrow(message)
  })
})

it('says who a user of the container is on its node', () => {
  const lines = idmapFor([{ uid: 1000, gid: 44 }])
  expect(hostOwner({ uid: 1000, gid: 1000 }, lines)).toEqual({ uid: 1000, gid: 101_000 })
  expect(hostOwner({ uid: 33, gid: 33 })).toEqual({ uid: 100_033, gid: 100_033 })
  expect(hostOwner({ uid: 33, gid: 33 }, [], false)).toEqual({ uid: 33, gid: 33 })
})

it('asks for each user that root may hand on', () => {
  expect(
    subidsFor(
      idmapFor([
        { uid: 1000, gid: 44 },
        { uid: 1001, gid: 44 },
      ]),
    ),
  ).toEqual({ '/etc/subuid': ['root:1000:1', 'root:1001:1'], '/etc/subgid': ['root:44:1'] })
})

describe('withIdmap', () => {
  const [first = '', second = ''] = idmapFor([{ uid: 1000, gid: 1000 }])
  const snapshot = '[before]\nmemory: 256\nlxc.idmap: u 0 100000 65536\nsnaptime: 1\n'

  it('puts the lines before the first snapshot, whose own stay', () => {
    expect(withIdmap(`memory: 512\nswap: 0\n\n${snapshot}`, [first, second])).toBe(
      `memory: 512\nswap: 0\n${first}\n${second}\n\n${snapshot}`,
    )
    expect(withIdmap(`memory: 512\n${snapshot}`, [first])).toBe(`memory: 512\n${first}\n${snapshot}`)
  })

  it('takes them away again, to the byte', () => {
    for (const text of [
      `memory: 512\nswap: 0\n\n${snapshot}`,
      `#notes\nmemory: 512\n`,
      `memory: 512\n${snapshot}`,
    ])
      expect(withIdmap(withIdmap(text, [first, second]), [])).toBe(text)
  })

  it('replaces those that are there, and ends each with a newline', () => {
    expect(withIdmap(`lxc.idmap: u 0 1 1\nmemory: 512\nlxc.cap.drop: sys_time`, [first])).toBe(
      `memory: 512\nlxc.cap.drop: sys_time\n${first}\n`,
    )
  })
})
