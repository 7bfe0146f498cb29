/** What decides by role, file and channel, on the real operations. */
import { expect, test } from 'vitest'
import { parseInventory } from '../inventory/index.ts'
import type { Caller } from '../operation/services.ts'
import { targetsOf } from '../operation/targets.ts'
import { approvalRule, createRights, personLines, why } from './index.ts'
import { grantOf, harmeet, kid, partner, registry, setUp, stranger } from './rights.fixture.ts'

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
})

test('a guest that is gone may have been any service whose guest is not there', async () => {
  const { lab, read, inventory, state } = setUp()
  const { operation, input } = read('guest restore 555')
  const touched = async () => await targetsOf(operation, input, lab, AbortSignal.timeout(5000))
  expect(await touched()).toEqual([{ name: '555', names: ['555'], beside: [] }])
  state.text = `${state.text.replace('people:', '  lost: { role: admin }\n  old: { guest: 555 }\npeople:')}
approve:
  - { what: [guest restore], services: [lost], by: second-person }
`
  expect(await touched()).toEqual([{ name: '555', names: ['555'], beside: ['lost', 'old'] }])
  expect(approvalRule(operation, await touched(), inventory())?.by).toEqual(['second-person'])
  const restart = read('restart 555')
  await expect(lab.resolve(['555'])).rejects.toThrow('There is no guest with VMID 555')
  expect(await targetsOf(restart.operation, restart.input, lab, AbortSignal.timeout(5000))).toHaveLength(1)
})

test('a host name stands for the service that the file has under it, and for nothing that one has a right to otherwise', async () => {
  const { lab, read, state, may } = setUp('', [grantOf('tunnel.unexpose', ['jellyfin'])])
  state.text = `${state.text}
network: { routes: { media.example.org: jellyfin, plex.example.org: plex } }
`
  const touched = async (host: string) => {
    const { operation, input } = read(`tunnel unexpose ${host}`)
    const targets = await targetsOf(operation, input, lab, AbortSignal.timeout(5000))
    return targets.map(({ name }) => name)
  }
  expect(await touched('Media.example.org')).toEqual(['jellyfin'])
  expect(await touched('films.example.org')).toEqual(['films.example.org'])
  expect(await may(kid, 'tunnel unexpose media.example.org')).toBe('yes')
  for (const other of ['plex.example.org', 'films.example.org', 'jellyfin.example.org'])
    expect(await may(kid, `tunnel unexpose ${other}`)).not.toBe('yes')
  const restart = read('restart films')
  await expect(
    targetsOf(restart.operation, { services: ['filmz'] }, lab, AbortSignal.timeout(5000)),
  ).rejects.toThrow('no service or guest')
})

test('of names only those are offered that one may touch', () => {
  const { rights, read } = setUp('', [grantOf('service.restart', ['jellyfin'])])
  const restart = read('restart x').operation
  const offered = (who: Caller) =>
    ['jellyfin', '111', 'plex', 'films', 'postgresql', '@all', '@media', 'windows'].filter((name) =>
      rights.offersFor(restart, who, name),
    )
  expect(offered(kid)).toEqual(['jellyfin', '111'])
  expect(offered(partner)).toEqual(['jellyfin', '111', 'plex', 'films', '@media', 'windows'])
  expect(offered(harmeet)).toHaveLength(8)
})
