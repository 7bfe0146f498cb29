/** What decides who may do what, in its order, on the real operations and a lab of some guests. */
import { expect, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import { guest, overviewOf } from '../inventory/fixture.ts'
import { createLab, parseInventory } from '../inventory/index.ts'
import { parseCommand } from '../operation/grammar.ts'
import { createRegistry } from '../operation/registry.ts'
import type { Caller, Grant } from '../operation/services.ts'
import { namedIn, targetsOf } from '../operation/targets.ts'
import { operations } from '../operations/index.ts'
import { approvalRule, createRights, personLines, why } from './index.ts'

const registry = createRegistry(operations)
const people = `
services:
  plex: { guest: 110, aliases: [films] }
  jellyfin: { guest: 111 }
  postgresql: { guest: 101, role: admin }
  radarr: { guest: docker }
  sonarr: { guest: docker }
people:
  harmeet: { role: admin, discord: '80351110224678912', slack: U024BE7LH }
  partner: { role: operator, discord: '175928847299117063' }
  kid: { role: viewer, discord: '41771983423143936' }
`
const guests = [
  guest(101, 'db'),
  guest(110, 'plex'),
  guest(111, 'ct-jelly'),
  guest(200, 'docker'),
  guest(130, 'windows', { type: 'qemu' }),
]

const caller = (name: string, role: Caller['role'], more: Partial<Caller> = {}): Caller => ({
  id: `discord:${{ harmeet: '80351110224678912', partner: '175928847299117063', kid: '41771983423143936' }[name] ?? '99999999999999999'}`,
  name,
  role,
  surface: 'chat',
  ...(role === 'nobody' ? {} : { person: name }),
  ...more,
})
const harmeet = caller('harmeet', 'admin')
const partner = caller('partner', 'operator')
const kid = caller('kid', 'viewer')
const stranger = caller('Eve', 'nobody')

const grantOf = (operation: string, services: readonly string[], to = kid.id): Grant => ({
  id: 'gaaaaa',
  to,
  name: 'kid',
  operation,
  services,
  until: '2026-11-25T20:00:00.000Z',
  at: '2026-11-25T18:00:00.000Z',
  by: { id: harmeet.id, name: 'harmeet' },
})

function setUp(more = '', grants: readonly Grant[] = []) {
  const state = { text: people + more, grants }
  let parsed = { text: '', inventory: parseInventory('') }
  const inventory = () => {
    if (parsed.text !== state.text)
      parsed = { text: state.text, inventory: parseInventory(state.text, { operations }) }
    return parsed.inventory
  }
  const lab = createLab({
    inventory,
    proxmox: { overview: async () => overviewOf(guests) },
    clock: { monotonic: () => 0 },
  })
  const rights = createRights({ inventory, grants: () => state.grants })
  const read = (line: string) => {
    const parsedLine = parseCommand(line, registry.all)
    if (parsedLine.kind !== 'command') throw new Error(`"${line}" is no command`)
    return parsedLine
  }
  /** As the desk does it: `yes`, or the refusal. */
  async function may(who: Caller, line: string): Promise<'yes' | HomelabError> {
    const { operation, input } = read(line)
    try {
      rights.permit(operation, who, undefined, namedIn(operation, input))
      if (rights.dependsOnTargets(operation, who)) {
        rights.permit(operation, who, await targetsOf(operation, input, lab, AbortSignal.timeout(5000)))
      }
      return 'yes'
    } catch (error) {
      if (error instanceof HomelabError && error.code === 'denied') return error
      throw error
    }
  }
  const refusal = async (who: Caller, line: string): Promise<HomelabError> => {
    const answer = await may(who, line)
    if (answer === 'yes') throw new Error(`${who.name} may "${line}"`)
    return answer
  }
  return { state, rights, may, refusal, lab, inventory, read }
}

test('a role may do what it is for, and a refusal names the role and who can give the right by which command', async () => {
  const { may, refusal } = setUp()
  expect(await may(kid, 'status')).toBe('yes')
  expect(await may(partner, 'restart jellyfin')).toBe('yes')
  const error = await refusal(kid, 'restart jellyfin plex')
  expect([error.code, error.message, error.hint]).toEqual([
    'denied',
    '"restart" needs the role operator; kid is viewer.',
    'harmeet can: /homelab grant discord:41771983423143936 restart jellyfin plex for:2h',
  ])
  expect(error.data).toEqual({
    needed: 'operator',
    role: 'viewer',
    caller: kid.id,
    targets: ['jellyfin', 'plex'],
  })
})

test('who is not in the file may ask who they are, and nothing else; the lines to add are told', async () => {
  const { may, refusal, rights } = setUp()
  expect(await may(stranger, 'whoami')).toBe('yes')
  expect(await may(stranger, 'help')).toBe('yes')
  expect(registry.all.filter((each) => rights.offers(each, stranger)).map(({ chat }) => chat)).toEqual([
    'help',
    'whoami',
  ])
  const error = await refusal(stranger, 'status')
  expect(error.message).toBe('"status" needs the role viewer; Eve is not in homelab.yaml.')
  expect(error.hint).toBe(
    [
      'harmeet can add this to homelab.yaml:',
      'people:',
      '  eve:',
      '    role: viewer # or operator, admin',
      "    discord: '99999999999999999'",
    ].join('\n'),
  )
})

test('the lines to add are a file that is understood, whatever somebody is called', () => {
  for (const name of ['Éve Ünal', '💥', '-- x: {', "'; DROP", '123', 'a\nb: c', '__proto__']) {
    for (const id of ['discord:99999999999999999', 'slack:U024BE7LJ']) {
      const [person] = parseInventory(personLines({ id, name }) ?? '').people
      expect([person?.role, `discord:${person?.discord}`, `slack:${person?.slack}`]).toContain(id)
      expect(person?.role).toBe('viewer')
    }
  }
  expect(personLines({ id: 'console:local', name: 'you' })).toBeUndefined()
})

test('the file gives an operation another role, up and down, by what one types or by id', async () => {
  const { may, refusal } = setUp(
    'rights: { operations: { logs: operator, service.restart: viewer, guest list: admin } }\n',
  )
  expect((await refusal(kid, 'logs plex')).message).toBe('"logs" needs the role operator; kid is viewer.')
  expect(await may(partner, 'logs plex')).toBe('yes')
  expect(await may(kid, 'restart plex')).toBe('yes')
  expect((await refusal(partner, 'guest list')).message).toContain('needs the role admin')
})

test('neither the file nor a grant hands on the right to give rights', async () => {
  const { rights, inventory } = setUp('', [grantOf('grant.give', []), grantOf('grant.revoke', [])])
  const handed = { ...inventory(), rights: { operations: new Map([['grant', 'viewer' as const]]) } }
  const lenient = createRights({ inventory: () => handed, grants: () => [grantOf('grant.give', [])] })
  for (const id of ['grant.give', 'grant.revoke']) {
    const operation = registry.byId(id)
    if (operation === undefined) throw new Error(id)
    expect([rights.offers(operation, kid), lenient.offers(operation, partner)]).toEqual([false, false])
    expect([rights.offers(operation, harmeet), lenient.offers(operation, harmeet)]).toEqual([true, true])
  }
})

test('a channel that is not listed is not used, except to say who one is', async () => {
  const { may, refusal } = setUp(
    "channels: { ops: { discord: '290926798626357999' }, den: { slack: C0123ABCD } }\n",
  )
  const elsewhere = { channel: 'discord:290926798626350000' }
  const error = await refusal({ ...harmeet, ...elsewhere }, 'status')
  expect([error.message, error.hint]).toEqual([
    'homelab is not used in this channel.',
    'Ask in ops; it also works in a direct message. Channels are listed under `channels` in homelab.yaml.',
  ])
  expect(await may({ ...harmeet, ...elsewhere }, 'whoami')).toBe('yes')
  expect(await may({ ...harmeet, channel: 'discord:290926798626357999' }, 'restart plex')).toBe('yes')
  expect(await may({ ...harmeet, channel: 'slack:C0123ABCD' }, 'restart plex')).toBe('yes')
  // The other platform's id of that channel is none of this one's.
  expect(await may({ ...harmeet, channel: 'slack:290926798626357999' }, 'status')).not.toBe('yes')
  expect(await may(harmeet, 'restart plex')).toBe('yes')
  const console_: Caller = { id: 'console:local', name: 'you', role: 'operator', surface: 'chat' }
  expect(await may(console_, 'restart plex')).toBe('yes')
})

test('a channel for looking changes nothing, whoever asks', async () => {
  const { may, refusal } = setUp(
    "channels: { family: { discord: '290926798626357999', read_only: true }, ops: { discord: '290926798626357111' } }\n",
    [grantOf('service.restart', [])],
  )
  const here = { channel: 'discord:290926798626357999' }
  expect(await may({ ...harmeet, ...here }, 'status')).toBe('yes')
  for (const who of [harmeet, kid]) {
    const error = await refusal({ ...who, ...here }, 'restart plex')
    expect([error.message, error.hint]).toEqual([
      'This channel is for looking only: "restart" changes something.',
      'Ask in ops, or in a direct message.',
    ])
  }
})

test('a channel with a list takes what is in it', async () => {
  const { may, refusal, rights } = setUp(
    "channels: { media: { discord: '290926798626357999', allow: [status, service.restart] } }\n",
  )
  const here = { ...harmeet, channel: 'discord:290926798626357999' }
  expect(await may(here, 'restart plex')).toBe('yes')
  const error = await refusal(here, 'stop plex')
  expect([error.message, error.hint]).toEqual([
    '"stop" is not used in this channel; status and service.restart are.',
    'Ask in a direct message.',
  ])
  expect(registry.all.filter((each) => rights.offers(each, here)).map(({ chat }) => chat)).toEqual([
    'status',
    'restart',
    'help',
    'whoami',
  ])
})

test.each([
  ['restart jellyfin', 'restart jellyfin'],
  ['restart jellyfin', 'restart JELLYFIN'],
  ['restart jellyfin', 'restart 111'],
  ['restart jellyfin', 'restart ct-jelly'],
  ['service.restart jellyfin', 'restart jellyfin'],
  ['restart 111', 'restart jellyfin'],
  ['restart films', 'restart plex'],
  ['restart jellyfin plex', 'restart plex jellyfin'],
  ['restart @media', 'restart plex jellyfin radarr'],
  ['restart @media', 'restart @media'],
  ['restart', 'restart windows'],
  ['restart docker', 'restart sonarr'],
])('"may: %s" allows "%s"', async (given, line) => {
  const { may, state } = setUp()
  expect(await may(kid, line)).not.toBe('yes')
  state.text = state.text.replace("'41771983423143936' }", `'41771983423143936', may: ['${given}'] }`)
  expect(await may(kid, line)).toBe('yes')
})

test.each([
  [
    'restart jellyfin',
    'restart plex',
    'kid may use "restart" on jellyfin, not on plex: that needs the role operator.',
  ],
  [
    'restart jellyfin',
    'restart jellyfin windows',
    'kid may use "restart" on jellyfin, not on windows: that needs the role operator.',
  ],
  [
    'restart jellyfin',
    'restart @media',
    'kid may use "restart" on jellyfin, not on plex and radarr: that needs the role operator.',
  ],
  ['restart jellyfin', 'stop jellyfin', '"stop" needs the role operator; kid is viewer.'],
  [
    'restart radarr',
    'restart sonarr',
    'kid may use "restart" on radarr, not on sonarr: that needs the role operator.',
  ],
  [
    'restart radarr',
    'restart docker',
    'kid may use "restart" on radarr, not on docker: that needs the role operator.',
  ],
  [
    'restart @media',
    'restart windows',
    'kid may use "restart" on @media, not on windows: that needs the role operator.',
  ],
])('"may: %s" does not allow "%s"', async (given, line, message) => {
  const { refusal, state } = setUp()
  state.text = state.text.replace("'41771983423143936' }", `'41771983423143936', may: ['${given}'] }`)
  expect((await refusal(kid, line)).message).toBe(message)
})

test('an allowance for some services is none for a command without any', async () => {
  const { refusal } = setUp('', [grantOf('task.stop', ['plex'])])
  const upid = 'UPID:pve:000A1B2C:0123ABCD:65000000:vzdump:110:root@pam:'
  expect((await refusal(kid, `task stop ${upid}`)).message).toBe(
    'kid may use "task stop" on plex, not on this: that needs the role admin.',
  )
})

test('a guest that is called like a service elsewhere is not that service', async () => {
  const { may, refusal, state } = setUp('', [grantOf('service.restart', ['jellyfin'])])
  state.text = state.text.replace(
    'jellyfin: { guest: 111 }',
    'jellyfin: { guest: 111 }\n  windows: { guest: 110 }',
  )
  state.text = state.text.replace('plex: { guest: 110, aliases: [films] }', 'plex: { guest: 130 }')
  state.grants = [grantOf('service.restart', ['windows'])]
  // CT 110 is now the service windows, and VM 130, which is called windows, is plex.
  expect(await may(kid, 'restart windows')).toBe('yes')
  expect(await may(kid, 'restart 110')).toBe('yes')
  expect((await refusal(kid, 'restart 130')).message).toContain('on windows, not on plex')
})

test('ten thousand services at once are looked at in no time', async () => {
  const many = Array.from(
    { length: 10_000 },
    (_, index) => `  s${index}: { guest: ${1000 + index}, role: admin }`,
  )
  const inventory = parseInventory(`services:\n${many.join('\n')}\n`)
  const live = inventory.services.map(({ name, guest: vmid }) => guest(Number(vmid), name))
  const lab = createLab({
    inventory: () => inventory,
    proxmox: { overview: async () => overviewOf(live) },
    clock: { monotonic: () => 0 },
  })
  const operation = registry.byChat('restart')
  if (operation === undefined) throw new Error('no restart')
  const targets = await targetsOf(operation, { services: ['@all'] }, lab, AbortSignal.timeout(30_000))
  const rights = createRights({ inventory: () => inventory })
  const started = performance.now()
  expect(() => rights.permit(operation, partner, targets)).toThrow('s0 may be changed by admins only')
  rights.permit(operation, harmeet, targets)
  expect(performance.now() - started).toBeLessThan(1000)
}, 60_000)

test('a grant counts for its id, or for all ids of its person, as long as it is in force', async () => {
  const { may, state, rights, refusal } = setUp('', [grantOf('service.restart', ['jellyfin'])])
  expect(await may(kid, 'restart jellyfin')).toBe('yes')
  expect((await refusal(kid, 'restart plex')).hint).toBe(
    'harmeet can: /homelab grant discord:41771983423143936 restart plex for:2h',
  )
  expect(rights.held(kid)).toHaveLength(1)
  expect(rights.held(partner)).toEqual([])
  const onSlack = { ...kid, id: 'slack:U024BE7LJ' }
  expect(await may(onSlack, 'restart jellyfin')).not.toBe('yes')
  state.grants = [grantOf('service.restart', ['jellyfin'], 'person:kid')]
  expect(await may(onSlack, 'restart jellyfin')).toBe('yes')
  // One may be called like a person of the file without being it.
  expect(await may({ ...stranger, name: 'kid' }, 'restart jellyfin')).not.toBe('yes')
  state.grants = []
  expect(await may(kid, 'restart jellyfin')).not.toBe('yes')
})

test('somebody who is not in the file can be granted something', async () => {
  const { may } = setUp('', [grantOf('service.restart', ['plex'], stranger.id)])
  expect(await may(stranger, 'restart plex')).toBe('yes')
  expect(await may(stranger, 'status')).not.toBe('yes')
})

test('changes to a service with a role of its own need that role, also through what shares its guest', async () => {
  const { may, refusal, state } = setUp()
  const error = await refusal(partner, 'restart postgresql plex')
  expect([error.message, error.hint]).toEqual([
    'postgresql may be changed by admins only; partner is operator.',
    'harmeet can: /homelab grant discord:175928847299117063 restart postgresql for:2h',
  ])
  expect((await refusal(partner, 'stop 101')).message).toContain('postgresql may be changed by admins only')
  expect((await refusal(partner, 'restart @all')).message).toContain('postgresql may be changed')
  expect(await may(partner, 'logs postgresql')).toBe('yes')
  expect(await may(harmeet, 'restart postgresql')).toBe('yes')
  state.text = state.text.replace('radarr: { guest: docker }', 'radarr: { guest: 200, role: admin }')
  expect((await refusal(partner, 'restart sonarr')).message).toBe(
    'radarr may be changed by admins only; partner is operator. It shares a guest with sonarr.',
  )
  expect((await refusal(partner, 'restart docker')).message).toContain('radarr may be changed by admins only')
})

test("only a grant that names the service itself stands in for the service's role", async () => {
  const { may, state } = setUp('', [grantOf('service.restart', ['postgresql'], partner.id)])
  expect(await may(partner, 'restart postgresql')).toBe('yes')
  for (const services of [[], ['@core'], ['@all']]) {
    state.grants = [grantOf('service.restart', services, partner.id)]
    expect(await may(partner, 'restart postgresql')).not.toBe('yes')
  }
})

test('a change of the file counts with the next command', async () => {
  const { may, state } = setUp()
  expect(await may(partner, 'restart plex')).toBe('yes')
  state.text += 'rights: { operations: { restart: admin } }\n'
  expect(await may(partner, 'restart plex')).not.toBe('yes')
})

test('with no admin in the file, the hint names whoever keeps it', async () => {
  const { refusal, state } = setUp()
  state.text = state.text.replace('role: admin, discord', 'role: operator, discord')
  expect((await refusal(kid, 'restart plex')).hint).toMatch(/^Whoever keeps homelab.yaml can: /)
})

test('what was typed cannot break out of the hint, or make it endless', async () => {
  const { refusal } = setUp()
  const { hint = '' } = await refusal(kid, `restart "plex for:30d" ${'x'.repeat(3000)}`)
  expect(hint).toContain('restart "plex for:30d" xxx')
  expect(hint.length).toBeLessThan(300)
})

test('it is said why somebody may do something', () => {
  const { inventory, state } = setUp('rights: { operations: { shutdown: viewer } }\n')
  state.text = state.text.replace("'41771983423143936' }", "'41771983423143936', may: [restart jellyfin] }")
  const reason = (id: string) => {
    const operation = registry.byId(id)
    return operation && why(operation, kid, inventory(), [grantOf('service.start', [])])
  }
  expect(reason('lab.status')).toBe('role viewer')
  expect(reason('desk.whoami')).toBe('for everyone')
  expect(reason('service.shutdown')).toBe('role viewer, by `rights` in the file')
  expect(reason('service.restart')).toBe('jellyfin: "restart jellyfin" of kid in the file')
  expect(reason('service.start')).toBe('grant gaaaaa of harmeet, until 2026-11-25T20:00:00.000Z')
  expect(reason('service.stop')).toBeUndefined()
})

test('the first rule that fits a change asks for another yes', async () => {
  const { inventory, lab, read } = setUp(`approve:
  - { what: [stop, service.shutdown], services: [postgresql, '@media'], by: second-person }
  - { what: [stop], by: other-platform }
  - { what: [logs], by: second-person }
`)
  const rule = async (line: string) => {
    const { operation, input } = read(line)
    const targets = await targetsOf(operation, input, lab, AbortSignal.timeout(5000))
    return approvalRule(operation, targets, inventory())?.by
  }
  expect(await rule('stop postgresql')).toEqual(['second-person'])
  expect(await rule('stop db')).toEqual(['second-person'])
  expect(await rule('shutdown windows plex')).toEqual(['second-person'])
  expect(await rule('shutdown windows')).toBeUndefined()
  expect(await rule('stop windows')).toEqual(['other-platform'])
  expect(await rule('restart postgresql')).toBeUndefined()
  expect(await rule('logs plex')).toBeUndefined()
})
