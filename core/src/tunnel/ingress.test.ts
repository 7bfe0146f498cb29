/** Rules that are kept in the files of two connectors, of which one was changed and the other was not. */
import { beforeEach, expect, it } from 'vitest'
import type { IngressRule } from '../cloudflare/types.ts'
import type { Shell } from '../ports.ts'
import { driftOf } from './drift.ts'
import { displaced, ingressOf, placed } from './ingress.ts'
import { wholeRule } from './ownership.ts'
import type { Seen } from './seen.ts'

const CONFIG = '/etc/cloudflared/config.yml'
const ORIGIN = 'http://192.168.1.101:80'
const HOST = 'wiki.example.com'
const base = `# ask before\ningress:\n  - hostname: a.example.com\n    service: ${ORIGIN}\n  - service: http_status:404\n`

/** The files of each container. */
let files: Map<number, Map<string, string>>
/** Containers that cannot be written to. */
let broken: Set<number>
/** Containers whose cloudflared was restarted. */
let restarts: number[]
beforeEach(() => {
  restarts = []
  files = new Map([104, 105].map((vmid) => [vmid, new Map([[CONFIG, base]])]))
  broken = new Set()
})

function shellOf(vmid: number): Shell {
  const own = () => files.get(vmid) ?? new Map<string, string>()
  const exec: Shell['exec'] = async ([program, ...args], options) => {
    const [from = '', to = ''] = args.filter((each) => !each.startsWith('-'))
    const answer = (code: number, stdout = '') => ({ code, stdout, stderr: '' }) as never
    if (program === 'cat') return own().has(from) ? answer(0, own().get(from)) : answer(1)
    if (program === 'cloudflared') return answer(127)
    if (program === 'systemctl') {
      if (args[0] === 'restart') restarts.push(vmid)
      return answer(0)
    }
    if (broken.has(vmid)) return answer(1)
    if (program === 'tee') own().set(from, String(options?.stdin ?? ''))
    if (program === 'cp' || program === 'mv') own().set(to, own().get(from) ?? '')
    if (program === 'mv' || program === 'rm') own().delete(from)
    return answer(0)
  }
  return { exec } as Shell
}
const ingress = () =>
  ingressOf('t', {
    network: { settings: () => ({ tunnel: { config: CONFIG, service: ['one', 'two'] } }) },
    lab: {
      resolve: async (names: readonly string[]) =>
        names.map((name, at) => ({ name, guest: { type: 'lxc', node: 'pve', vmid: 104 + at } })),
    },
    clock: { monotonic: () => 0 },
    shells: { has: () => true, guest: ({ vmid }: { vmid: number }) => shellOf(vmid) },
  } as never)
const ours: IngressRule = { hostname: HOST, service: ORIGIN }
const put = () =>
  ingress().edit(
    (rules) => placed(rules, ours),
    () => {},
  )

/** As after an edit that was cut off between the two. */
async function half(): Promise<void> {
  broken.add(105)
  await expect(put()).rejects.toMatchObject({ code: 'failed' })
  broken.clear()
}

it('a rule that one of them lacks is not there yet, and not gone either', async () => {
  await half()
  expect(wholeRule(await ingress().everywhere(), HOST)).toBeUndefined()
  expect(wholeRule(await ingress().read(), HOST)).toEqual(ours)
  expect(await ingress().uneven()).toEqual([{ rule: ours, missing: ['two (CT 105 on pve)'] }])
  // The last one stays the last.
  expect((await ingress().read()).at(-1)).toEqual({ service: 'http_status:404' })
})

it('made once more it is in both, whose comments stay', async () => {
  await half()
  await put()
  expect(wholeRule(await ingress().everywhere(), HOST)).toEqual(ours)
  expect(await ingress().uneven()).toEqual([])
  for (const own of files.values()) expect(own.get(CONFIG)).toContain('# ask before')
})

const takeBack = (restarted: boolean) =>
  ingress().takeBack(
    (rules) => rules.filter(({ hostname }) => hostname !== HOST),
    () => {},
    restarted,
  )

it('taken back where it can be, also when another place cannot be written to', async () => {
  await put()
  broken.add(104)
  await expect(takeBack(true)).rejects.toMatchObject({ code: 'failed' })
  expect(files.get(105)?.get(CONFIG)).toBe(base)
  expect(restarts).toEqual([105])
})

it('taken back once more after a crash, its connector is restarted though the file is as before', async () => {
  await takeBack(true)
  expect(restarts).toEqual([104, 105])
})

it('that was never applied is taken back without a restart', async () => {
  await half()
  await takeBack(false)
  for (const own of files.values()) expect(own.get(CONFIG)).toBe(base)
  expect(restarts).toEqual([])
})

it('goes back behind the one that took its requests', () => {
  const wild = { hostname: '*.example.com', service: 'http://192.168.1.9' }
  const rest = { service: 'http_status:404' }
  const before = [wild, ours, rest]
  const moved = placed(before, ours)
  expect(moved).toEqual([ours, wild, rest])
  expect(displaced(moved, moved[0] ?? {})).toEqual(before)
  expect(displaced(before, ours)).toEqual(before)
  expect(displaced([ours, rest], ours)).toEqual([ours, rest])
})

it('one that is another in each counts in neither', async () => {
  files.get(105)?.set(CONFIG, base.replace(ORIGIN, 'http://192.168.1.9'))
  expect((await ingress().everywhere()).map(({ service }) => service)).toEqual(['http_status:404'])
  expect((await ingress().uneven()).map(({ missing }) => missing)).toEqual([
    ['two (CT 105 on pve)'],
    ['one (CT 104 on pve)'],
  ])
})

it('is a row of drift, which the exposure puts right where the name is meant', async () => {
  await half()
  const seen: Seen = {
    now: new Date(),
    settings: {
      routes: [{ hostname: HOST, service: 'wiki', public: true }],
      access: { allow: [], enforce: true },
      traefik: { entry_points: ['web'] },
    } as never,
    services: [],
    tunnel: { id: 't', name: 'homelab', status: 'healthy' } as never,
    tunnels: [],
    origin: ORIGIN,
    rules: await ingress().read(),
    uneven: await ingress().uneven(),
    records: [],
    backends: new Map(),
    unseen: [],
  }
  expect(driftOf(seen)).toContainEqual(
    expect.objectContaining({
      id: `rule-uneven/${HOST}`,
      severity: 'warning',
      there: 'not the same in two (CT 105 on pve)',
      fix: { kind: 'expose', service: 'wiki', hostname: HOST },
    }),
  )
})
