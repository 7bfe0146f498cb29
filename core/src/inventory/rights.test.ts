/** The sections of homelab.yaml about people, channels and rights: what is read, and what is wrong with a line. */
import { expect, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import { operations } from '../operations/index.ts'
import { parseInventory } from './parse.ts'
import type { Problem } from './yaml.ts'

const services = 'services: { plex: , jellyfin: { aliases: [films] }, db: { guest: 101 } }\n'

function problemsOf(text: string): readonly string[] {
  try {
    parseInventory(text, { operations })
  } catch (error) {
    if (!(error instanceof HomelabError)) throw error
    const problems = error.data?.problems as readonly Problem[]
    return problems.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`)
  }
  return []
}

test('everything about rights is read, with its defaults', () => {
  const inventory = parseInventory(
    `${services}
discord: { token: env:DISCORD_TOKEN, guild: '197038439483310086', api: 'http://127.0.0.1:9000/' }
slack: { token: env:SLACK_BOT_TOKEN, signing_secret: file:/run/secrets/slack }
channels:
  ops: { discord: '290926798626357999', slack: C0123ABCD, ops: true }
  media: { slack: C0456EFGH, allow: [status, service.restart] }
people:
  kid: { role: viewer, discord: '80351110224678912', may: ['restart jellyfin', 'start @media'] }
rights: { operations: { logs: operator, task stop: admin } }
approve:
  - { what: [stop, shutdown], services: [db, '@all'], by: [second-person, other-platform], expires: 1h30m }
  - { what: [restart], by: delay, delay: 10m }
bot: { guest: '120', needs: [db] }
`,
    { operations },
  )
  expect(inventory.discord).toEqual({
    token: { from: 'env', name: 'DISCORD_TOKEN' },
    guild: '197038439483310086',
    api: 'http://127.0.0.1:9000',
  })
  expect(inventory.slack).toEqual({
    token: { from: 'env', name: 'SLACK_BOT_TOKEN' },
    signing_secret: { from: 'file', name: '/run/secrets/slack' },
    host: '127.0.0.1',
    port: 3000,
  })
  expect(inventory.channels).toEqual([
    { name: 'ops', discord: '290926798626357999', slack: 'C0123ABCD', ops: true, read_only: false },
    { name: 'media', slack: 'C0456EFGH', ops: false, read_only: false, allow: ['status', 'service.restart'] },
  ])
  expect(inventory.people).toMatchObject([{ name: 'kid', may: ['restart jellyfin', 'start @media'] }])
  expect([...inventory.rights.operations]).toEqual([
    ['logs', 'operator'],
    ['task stop', 'admin'],
  ])
  expect(inventory.approve).toEqual([
    {
      what: ['stop', 'shutdown'],
      services: ['db', '@all'],
      by: ['second-person', 'other-platform'],
      expiresMs: 5_400_000,
    },
    { what: ['restart'], services: ['@all'], by: ['delay'], delayMs: 600_000, expiresMs: 3_600_000 },
  ])
  expect(inventory.bot).toEqual({ guest: 120, needs: ['db'] })
})

test('without these sections nothing is restricted and nothing given', () => {
  const inventory = parseInventory('rights:\napprove:\ndiscord:\nslack:\nchannels:\nbot:\n', { operations })
  expect(inventory).toMatchObject({ channels: [], approve: [], people: [], bot: { needs: [] } })
  expect([inventory.discord, inventory.slack, inventory.rights.operations.size]).toEqual([
    undefined,
    undefined,
    0,
  ])
})

const snowflake = "'80351110224678912'"
test.each([
  [
    'a token in the file',
    'discord: { token: MTIz.abc }\n',
    '1:19 discord.token: must say where the secret is, not what it is. Put it in an environment variable and write "env:NAME", or in a file that only you can read and write "file:/path/to/it"',
  ],
  [
    'a platform over plain http',
    'discord: { token: env:T, api: http://proxy.example.com }\n',
    '1:31 discord.api: must be an https URL, or an http URL on the loopback such as http://127.0.0.1:9000',
  ],
  [
    'Slack both ways',
    'slack: { token: env:A, app_token: env:B, signing_secret: env:C }\n',
    '1:1 slack: needs exactly one of "app_token" (Socket Mode) and "signing_secret" (requests over HTTP)',
  ],
  [
    'Slack neither way',
    'slack: { token: env:A }\n',
    '1:1 slack: needs exactly one of "app_token" (Socket Mode) and "signing_secret" (requests over HTTP)',
  ],
  [
    'a channel by name',
    'channels: { ops: { slack: "#ops" } }\n',
    '1:27 channels.ops.slack: must be a Slack channel id, such as C0123ABCD',
  ],
  [
    'a channel without an id',
    'channels: { ops: { ops: true } }\n',
    '1:13 channels.ops: needs an id: "discord" or "slack"',
  ],
  [
    'two channels with one id',
    'channels:\n  a: { slack: C0123ABCD }\n  b: { slack: C0123ABCD }\n',
    '3:15 channels.b.slack: C0123ABCD is already the id of a',
  ],
  [
    'two ops channels on one platform',
    'channels:\n  a: { slack: C0123ABCD, ops: true }\n  b: { slack: C0123ABCE, ops: true }\n',
    '3:31 channels.b.ops: a gets the notices on this platform already',
  ],
  [
    'an unknown operation in a channel',
    'channels: { a: { slack: C0123ABCD, allow: [satus] } }\n',
    '1:44 channels.a.allow[0]: there is no operation "satus". Did you mean "status"?',
  ],
  [
    'an unknown operation that asks',
    'confirm: [stopp]\n',
    '1:11 confirm[0]: there is no operation "stopp". Did you mean "stop"?',
  ],
  [
    'an unknown operation with a role',
    'rights: { operations: { restrat: admin } }\n',
    '1:25 rights.operations.restrat: there is no operation "restrat". Did you mean "restart"?',
  ],
  [
    'an unknown role',
    'rights: { operations: { restart: owner } }\n',
    '1:34 rights.operations.restart: must be one of viewer, operator, admin.',
  ],
  [
    'the right to give rights',
    'rights: { operations: { grant: viewer } }\n',
    '1:25 rights.operations.grant: "grant" is for admins, always',
  ],
  [
    'what everyone has',
    'rights: { operations: { whoami: admin } }\n',
    '1:25 rights.operations.whoami: "whoami" is for everyone, always',
  ],
  [
    'an unknown operation for a person',
    `people: { kid: { role: viewer, discord: ${snowflake}, may: [restrat plex] } }\n`,
    '1:68 people.kid.may[0]: there is no operation "restrat". Did you mean "restart"?',
  ],
  [
    'an unknown service for a person',
    `${services}people: { kid: { role: viewer, discord: ${snowflake}, may: [restart plx] } }\n`,
    '2:68 people.kid.may[0]: there is no service "plx". Did you mean "plex"?',
  ],
  [
    'the right to give rights, for a person',
    `people: { kid: { role: viewer, discord: ${snowflake}, may: [rights revoke] } }\n`,
    '1:68 people.kid.may[0]: "rights revoke" is for admins only',
  ],
  [
    'an unknown stack to approve',
    `${services}approve: [{ what: [stop], services: ['@medai'], by: second-person }]\n`,
    '2:38 approve[0].services[0]: there is no stack "@medai". Did you mean "@media"?',
  ],
  [
    'an approval of what changes nothing',
    'approve: [{ what: [logs], by: second-person }]\n',
    '1:20 approve[0].what[0]: "logs" changes nothing, so there is nothing to approve',
  ],
  [
    'an approval of what is done at once',
    'approve: [{ what: [grant], by: second-person }]\n',
    '1:20 approve[0].what[0]: "grant" is done at once and cannot wait for an approval',
  ],
  [
    'an unknown operation to approve',
    'approve: [{ what: [stpo], by: second-person }]\n',
    '1:20 approve[0].what[0]: there is no operation "stpo". Did you mean "stop"?',
  ],
  [
    'a way to approve that is none',
    'approve: [{ what: [stop], by: [second-persn] }]\n',
    '1:32 approve[0].by[0]: must be one of second-person, other-platform, delay. Did you mean "second-person"?',
  ],
  [
    'a delay without a length',
    'approve: [{ what: [stop], by: delay }]\n',
    '1:11 approve[0]: needs "delay" (how long, such as 10m) with "by: delay", and only then',
  ],
  [
    'a duration that is none',
    'approve: [{ what: [stop], by: delay, delay: 10 minutes }]\n',
    '1:45 approve[0].delay: must be a duration, such as 10m, 2h, 1h30m or 3d',
  ],
  [
    'an unknown service that the bot needs',
    `${services}bot: { needs: [dbb] }\n`,
    '2:16 bot.needs[0]: there is no service "dbb". Did you mean "db"?',
  ],
  [
    'a service with an unknown role',
    'services: { plex: { role: boss } }\n',
    '1:27 services.plex.role: must be one of viewer, operator, admin.',
  ],
])('%s: the place and what to do', (_, text, expected) => expect(problemsOf(text)).toEqual([expected]))

test('guests, aliases, VMIDs and selectors are names too, and without services every name may be a live guest', () => {
  const all = `bot: { needs: [films] }\napprove: [{ what: [stop], services: [films, '101', '@media', '@ALL'], by: second-person }]\n`
  expect(problemsOf(services + all)).toEqual([])
  expect(problemsOf('bot: { needs: [adguard] }\n')).toEqual([])
})
