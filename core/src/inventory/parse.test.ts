import { expect, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import { parseInventory } from './parse.ts'
import type { Problem } from './yaml.ts'

function failure(text: string): HomelabError {
  try {
    parseInventory(text)
  } catch (error) {
    if (error instanceof HomelabError) return error
    throw error
  }
  throw new Error('it was accepted')
}

const problemsOf = (text: string): readonly Problem[] => failure(text).data?.problems as Problem[]

test.each(['', '\n', '# nothing yet\n', '---\n', '{}', 'services:\nproxmox:\npeople:\n'])(
  'an empty file is an empty inventory: %j',
  (text) => {
    expect(parseInventory(text)).toMatchObject({ name: 'homelab', services: [], people: [], storages: [] })
    expect(parseInventory(text).proxmox).toBeUndefined()
  },
)

test('a token is all that is needed', () => {
  const inventory = parseInventory(`
proxmox:
  endpoints: https://192.168.1.10:8006/
  token: { id: homelab@pve!desk, secret: env:PROXMOX_TOKEN }
`)
  expect(inventory.proxmox).toEqual({
    endpoints: ['https://192.168.1.10:8006'],
    token: { id: 'homelab@pve!desk', secret: { from: 'env', name: 'PROXMOX_TOKEN' } },
  })
})

test('the catalogue and the routes fill in what a service leaves out', () => {
  const { services } = parseInventory(`
services:
  plex:
  films: { kind: jellyfin, guest: "111", port: 9000 }
  own: { guest: custom-ct }
network:
  routes: { plex.example.com: plex, p.example.com: plex }
`)
  expect(services).toEqual([
    {
      name: 'plex',
      guest: 'plex',
      kind: 'plex',
      title: 'Plex',
      stack: 'media',
      port: 32400,
      unit: 'plexmediaserver',
      url: 'https://plex.example.com',
      needs: [],
      private: false,
      confirm: false,
      aliases: [],
    },
    expect.objectContaining({ name: 'films', guest: 111, kind: 'jellyfin', title: 'Jellyfin', port: 9000 }),
    {
      name: 'own',
      guest: 'custom-ct',
      title: 'own',
      stack: 'other',
      needs: [],
      private: false,
      confirm: false,
      aliases: [],
    },
  ])
})

test('values are read into what the program works with', () => {
  const inventory = parseInventory(`
timezone: Europe/Berlin
proxmox:
  endpoints: https://10.0.0.2:8006
  login: { user: root@pam, password: file:/etc/homelab/password }
  fingerprint: ${'ab'.repeat(32)}
  ca: file:~/pve-root-ca.pem
  ssh: { pve: { key: 'file:~/.ssh/id' } }
storages:
  bulk: { path: /Apollo, node: pve, size: 48 TB, raid: md0, disks: [/dev/sda] }
  fast: { storage: tesla, size: 512 GiB }
repositories: { b2: { restic: 's3:x', password: env:P } }
backups:
  photos: { method: restic, node: pve, paths: [/Apollo/Photos], to: [b2], schedule: daily }
people:
  me: { role: admin, discord: '80351110224678912', slack: [U024BE7LH, U024BE7LJ] }
`)
  expect(inventory.proxmox).toMatchObject({
    fingerprint: [Array(32).fill('AB').join(':')],
    ca: { from: 'file', name: '~/pve-root-ca.pem' },
  })
  expect(inventory.ssh).toMatchObject([{ name: 'pve', host: '10.0.0.2', port: 22, user: 'root' }])
  expect(inventory.storages).toMatchObject([
    { name: 'bulk', size: 48e12, raid: '/dev/md0', warn: 80, crit: 90 },
    { name: 'fast', size: 512 * 2 ** 30 },
  ])
  expect(inventory.backups).toMatchObject([{ name: 'photos', timezone: 'Europe/Berlin' }])
  expect(inventory.people).toEqual([
    { name: 'me', role: 'admin', discord: ['80351110224678912'], slack: ['U024BE7LH', 'U024BE7LJ'] },
  ])
})

test('a mistyped key names its line, column and the nearest valid one', () => {
  const error = failure('# my lab\nservices:\n  plex:\n    gest: 110\n')
  expect(error.code).toBe('config')
  expect(error.message).toBe('homelab.yaml:4:5 services.plex: unknown key "gest". Did you mean "guest"?')
  expect(error.data?.problems).toEqual([
    { line: 4, column: 5, path: 'services.plex', message: 'unknown key "gest". Did you mean "guest"?' },
  ])
})

// Text, then what is said about it: line:column path: message.
const cases: readonly (readonly [name: string, text: string, ...said: string[]])[] = [
  [
    'all problems at once',
    'services:\n  plex: { port: abc, gest: 1 }\npeople:\n  me: { role: operater, discord: "80351110224678912" }\n',
    '2:17 services.plex.port: must be a number, not a text',
    '2:22 services.plex: unknown key "gest". Did you mean "guest"?',
    '4:15 people.me.role: must be one of viewer, operator, admin. Did you mean "operator"?',
  ],
  ['section', 'servces: {}\n', '1:1 : unknown key "servces". Did you mean "services"?'],
  [
    'missing key',
    'proxmox:\n  endpoints: https://a:8006\n  token:\n    id: a@pve!bc\n',
    '3:3 proxmox.token.secret: is missing',
  ],
  [
    'no way to log in',
    'proxmox:\n  endpoints: https://a:8006\n',
    '1:1 proxmox: needs exactly one of "token" and "login"',
  ],
  [
    'unknown service in needs',
    'services:\n  postgresql: {}\n  immich:\n    needs:\n      - redis\n      - postgrsql\n',
    '5:9 services.immich.needs[0]: there is no service "redis".',
    '6:9 services.immich.needs[1]: there is no service "postgrsql". Did you mean "postgresql"?',
  ],
  [
    'cycle',
    'services:\n  a: { needs: [b] }\n  b: { needs: [c] }\n  c: { needs: [a] }\n',
    '2:8 services.a.needs: services need each other in a circle: a → b → c → a',
  ],
  [
    'needs itself',
    'services:\n  a: { needs: [A] }\n',
    '2:8 services.a.needs: services need each other in a circle: a → a',
  ],
  [
    'one name for two',
    'services:\n  plex: { aliases: [tv] }\n  jellyfin: { aliases: [TV, plex] }\n  Plex: {}\n',
    '3:25 services.jellyfin.aliases[0]: "TV" already means the service plex',
    '3:29 services.jellyfin.aliases[1]: "plex" already means the service plex',
    '4:3 services.Plex: is the same name as "plex": capitals make no difference',
  ],
  [
    "another service's guest",
    'services:\n  plex: { guest: tv }\n  films: { aliases: [tv] }\n  tv: { guest: 111 }\n',
    '3:22 services.films.aliases[0]: "tv" already means the service tv',
    '4:3 services.tv: is also the name of the guest of plex: one of them needs another name',
  ],
  [
    'unknown kind',
    'services:\n  db: { kind: postgrsql }\n',
    '2:15 services.db.kind: "postgrsql" is not in the catalogue. Did you mean "postgresql"?',
  ],
  [
    'routes',
    'services: { plex: }\nnetwork:\n  domain: example.com\n  routes:\n    plex.example.org: plexx\n',
    '5:5 network.routes.plex.example.org: is not under the domain example.com',
    '5:23 network.routes.plex.example.org: there is no service "plexx". Did you mean "plex"?',
  ],
  [
    'backups',
    'repositories:\n  b2: { restic: x, password: env:X }\nbackups:\n  a: { method: pgdump, to: [b2], schedule: daily }\n  b: { method: pg_dump, service: pg, to: [b3], schedule: weekdays }\n',
    '4:16 backups.a.method: must be one of pg_dump, restic, vzdump. Did you mean "pg_dump"?',
    '5:34 backups.b.service: there is no service "pg".',
    '5:43 backups.b.to[0]: there is no repository "b3". Did you mean "b2"?',
    '5:58 backups.b.schedule: must be hourly, daily, weekly, monthly or five cron fields, such as "30 3 * * *"',
  ],
  [
    'a drill of copies that nobody makes',
    'repositories:\n  usb: { storage: local }\n  b2: { restic: x, password: env:X }\nbackups:\n  a: { method: vzdump, to: [usb], schedule: daily, drill: { schedule: weekly, copies: monthly } }\n  b: { method: vzdump, to: [usb, b2], schedule: daily, drill: { schedule: weekly, copies: monthly } }\n',
    '5:87 backups.a.drill.copies: there are no copies: name a repository with `restic:` in its `to:`, or take `copies` out',
  ],
  [
    'what Proxmox does not do for whole guests',
    'repositories:\n  usb: { storage: local }\nbackups:\n  a:\n    method: vzdump\n    to: [usb]\n    schedule: daily\n    drill: { schedule: monthly, files: 5 }\n    before: [[sync]]\n    after: [[sync]]\n    pause: { guests: [plex] }\n',
    '8:40 backups.a.drill.files: "files" is for plans of files: of a guest the whole archive is restored',
    ...[
      ['9:5', 'before'],
      ['10:5', 'after'],
      ['11:5', 'pause'],
    ].map(
      ([at, key]) =>
        `${at} backups.a.${key}: "${key}" is not for whole guests, which Proxmox saves itself. Give what needs it a plan of its own by pg_dump or restic`,
    ),
  ],
  [
    'an id that lost its digits',
    'people:\n  me: { role: admin, discord: 80351110224678912 }\n',
    '2:31 people.me.discord: must be a Discord id of 17 to 20 digits in quotes: without them its last digits are lost',
  ],
  [
    'one id for two people',
    'people:\n  a: { role: admin, slack: U024BE7LH }\n  b: { role: viewer, slack: U024BE7LH }\n',
    '3:29 people.b.slack: U024BE7LH is already the id of a',
  ],
  [
    'a person without an id',
    'people:\n  a: { role: admin }\n',
    '2:3 people.a: needs an id: "discord", "slack", "discord_role" or "slack_group", or the "token" of a program',
  ],
  [
    'a console for everyone',
    'console: { host: 0.0.0.0 }\n',
    '1:18 console.host: other machines can reach the console on 0.0.0.0: it needs "token" then',
  ],
  [
    'a host path without its node',
    'storages:\n  apollo: { path: /Apollo }\n',
    '2:3 storages.apollo: needs "node": which node has this path',
  ],
  [
    'http instead of https',
    'proxmox:\n  endpoints: http://a:8006\n  token: { id: a@pve!bc, secret: env:T }\n',
    '2:14 proxmox.endpoints: must be an https URL without a path, such as https://192.168.1.10:8006',
  ],
  [
    'a check of the wrong shape',
    'services:\n  a: { health: { htp: /x } }\n',
    '2:18 services.a.health: unknown key "htp". Did you mean "http"?',
  ],
  [
    'a list where a map is meant',
    'services: [plex]\n',
    '1:1 services: must be a map (names with values), not a list',
  ],
  ['not a map at all', '- plex\n', '1:1 : must be a map (keys with values), not a list'],
  [
    'a key given twice, beside other mistakes',
    'services:\n  plex: {}\n  plex: { gest: 1 }\n',
    '3:3 : "plex" stands here a second time',
    '3:11 services.plex: unknown key "gest". Did you mean "guest"?',
  ],
  ['a tab', 'services:\n\tplex: {}\n', '2:1 : a tab at the start of a line: YAML indents with spaces only'],
  ['an open quote', 'name: "x\n', '2:1 : a closing quote or bracket, or a ":" after a key, is missing'],
  [
    'a tag',
    'name: !secret x\n',
    '1:7 : tags such as !secret are not used here. A secret is "env:NAME" or "file:/path"',
  ],
  [
    'two documents',
    'name: a\n---\nname: b\n',
    '2:1 : a second document begins here (---): the file may hold only one',
  ],
  [
    'an alias of nothing',
    'name: *x\n',
    '1:1 : holds a *name that is defined nowhere as &name. A text that begins with * needs quotes',
  ],
]

test.each(cases)('%s', (_, text, ...said) => {
  expect(problemsOf(text).map((p) => `${p.line}:${p.column} ${p.path}: ${p.message}`)).toEqual(said)
})

test('anchors and merge keys work, and problems in them are still found', () => {
  const text = (kind: string) => `services:
  plex: &media { stack: media, kind: ${kind} }
  jellyfin:
    <<: *media
    kind: jellyfin
`
  expect(parseInventory(text('plex')).services.map(({ name, stack }) => [name, stack])).toEqual([
    ['plex', 'media'],
    ['jellyfin', 'media'],
  ])
  expect(problemsOf(text('plexx'))).toMatchObject([{ line: 2, path: 'services.plex.kind' }])
})

const hidden = 'hunter2-hunter2'
test.each([
  `proxmox:\n  endpoints: https://a:8006\n  token: { id: a@pve!bc, secret: ${hidden} }\n`,
  `proxmox:\n  endpoints: https://a:8006\n  token: { id: a@pve!bc, secret: vault:${hidden} }\n`,
  `proxmox:\n  endpoints: https://a:8006\n  login: { user: a@pam, password: [${hidden}] }\n`,
  `repositories:\n  b2: { restic: x, password: env:${hidden} }\n`,
  `console: { token: "${hidden}" x }\n`,
  `console:\n  token: ${hidden}: ${hidden}\n`,
  `console: { token: *${hidden} }\n`,
  `console: { token: !${hidden} x }\n`,
])('a secret in the file is refused and not repeated: %#', (text) => {
  const error = failure(text)
  expect(error.code).toBe('config')
  expect(JSON.stringify([error.message, error.hint, error.data])).not.toContain('hunter2')
})

test('a secret in the file is answered with how to refer to it', () => {
  const [problem] = problemsOf(`console: { token: ${hidden} }\n`)
  expect(problem?.message).toContain('"env:NAME"')
  expect(problem?.message).toContain('"file:/path/to/it"')
})

const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]']
for (const [index, letter] of [...'bcdefghi'].entries()) {
  bomb.push(`${letter}: &${letter} [${Array(10).fill(`*${'abcdefghi'[index]}`).join(',')}]`)
}
test.each([
  ['5 MB', 'x'.repeat(5_000_000), 'is too big: 5.0 million characters, the limit is 1 million'],
  ['an alias bomb', bomb.join('\n'), 'repeats itself too often by aliases (*name)'],
  ['half a million brackets', '['.repeat(500_000), 'is nested too deeply'],
])(
  '%s is refused, and takes no more than its time',
  (_, text, message) => {
    expect(problemsOf(text)).toMatchObject([{ message }])
  },
  60_000,
)

test('many problems are counted, not all printed', () => {
  const services = Array.from({ length: 500 }, (_, index) => `  s${index}: { port: x }`).join('\n')
  const error = failure(`services:\n${services}\n`)
  expect(error.message.split('\n')).toHaveLength(22)
  expect(error.message).toContain('homelab.yaml has 500 problems:')
  expect(error.message).toContain('and 480 more')
})
