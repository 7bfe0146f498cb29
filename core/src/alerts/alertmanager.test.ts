import { X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createHttp } from '../node/http.ts'
import { type Call, type Reply, type ScriptedServer, startServer } from '../node/testing.ts'
import { Secret } from '../secret.ts'
import { createAlertmanager, type HeldSilence, type WantedSilence } from './alertmanager.ts'

const HOUR = 3_600_000
const now = Date.now()
const wanted: WantedSilence = {
  matchers: [{ name: 'alertname', value: 'PlexDown', isRegex: false, isEqual: true }],
  startsAt: new Date(now - HOUR).toISOString(),
  endsAt: new Date(now + HOUR).toISOString(),
  createdBy: 'Harmeet (homelab)',
  comment: 'Plex is down [homelab:00000000:k7f3/1]',
}

/** Keeps silences as Alertmanager does; what comes of an answer is up to the test. */
const held = new Map<string, HeldSilence>()
let fault: ((call: Call) => 'before' | 'after' | Reply | undefined) | undefined
const changes: string[] = []

function act({ method, path, body }: Call): Reply {
  const reply = (data: unknown, status = 200): Reply => ({ status, body: JSON.stringify(data) })
  if (method !== 'GET') changes.push(method)
  if (method === 'GET' && path === '/api/v2/silences') return reply([...held.values()])
  if (method === 'POST') {
    const { id = `id-${held.size + 1}`, ...rest } = JSON.parse(body) as WantedSilence
    held.set(id, { ...rest, id, matchers: [...rest.matchers], status: { state: 'active' } })
    return reply({ silenceID: id })
  }
  if (method === 'DELETE') {
    const silence = held.get(path.split('/').at(-1) ?? '')
    if (silence?.status.state !== 'active') return reply('silence already expired', 500)
    held.set(silence.id, { ...silence, status: { state: 'expired' } })
    return reply('')
  }
  return reply({ message: 'path was not found' }, 404)
}

let server: ScriptedServer
let http: ReturnType<typeof createHttp>
beforeEach(async () => {
  held.clear()
  changes.length = 0
  fault = undefined
  server = await startServer((call) => {
    const wrong = fault?.(call)
    if (wrong === 'before') return 'cut'
    if (typeof wrong === 'object') return wrong
    const reply = act(call)
    return wrong === 'after' ? 'cut' : reply
  })
  http = createHttp({ fingerprint: new X509Certificate(server.certificate).fingerprint256 })
})
afterEach(async () => {
  await http.close()
  await server[Symbol.asyncDispose]()
})
const client = () =>
  createAlertmanager({
    http,
    settings: () => ({
      name: 'lab',
      url: server.url,
      login: { user: 'bot', password: { from: 'env', name: 'PASSWORD' } },
    }),
    secrets: { resolve: ({ name }) => Promise.resolve(new Secret(`the ${name}`)) },
  })
const once = (kind: 'before' | 'after' | Reply) => {
  let left = 1
  fault = ({ method }) => (method !== 'GET' && left-- > 0 ? kind : undefined)
}

test('shows its login with each call', async () => {
  await client().silence(wanted)
  await client().silences()
  const shown = `Basic ${btoa('bot:the PASSWORD')}`
  expect(server.calls.map(({ headers }) => headers.authorization)).toEqual([shown, shown])
})

test('a silence whose answer is lost is looked for, and not made again', async () => {
  once('after')
  expect(await client().silence(wanted)).toBe('id-1')
  expect(changes).toEqual(['POST'])
  once('after')
  const endsAt = new Date(now + 2 * HOUR).toISOString()
  expect(await client().silence({ ...wanted, id: 'id-1', endsAt })).toBe('id-1')
  expect([...held.values()].map((each) => each.endsAt)).toEqual([endsAt])
})

test.each([
  ['the connection is cut', 'before'],
  ['a proxy answers', { status: 502, body: '<html>' }],
] as const)('one of which nothing shows is unclear, and not made again: %s', async (_, kind) => {
  once(kind)
  await expect(client().silence(wanted)).rejects.toMatchObject({
    code: 'unclear',
    message: expect.stringContaining('Nobody knows whether Alertmanager "lab" has set a silence') as string,
    hint: expect.stringContaining('not repeated') as string,
  })
  expect([held.size, changes]).toEqual([0, []])
})

test('prolonged without an answer, an old end does not stand for the new one', async () => {
  await client().silence(wanted)
  once('before')
  const endsAt = new Date(now + 2 * HOUR).toISOString()
  await expect(client().silence({ ...wanted, id: 'id-1', endsAt })).rejects.toMatchObject({ code: 'unclear' })
})

test('ended without an answer is looked for, and not ended again', async () => {
  const id = await client().silence(wanted)
  once('before')
  await expect(client().expire(id)).rejects.toMatchObject({ code: 'unclear' })
  once('after')
  await client().expire(id)
  expect(changes).toEqual(['POST', 'DELETE'])
  // Over already: refused, and just as wanted.
  await client().expire(id)
})

test('a refusal says why, and is not repeated', async () => {
  once({ status: 400, body: '"end time must not be in the past"' })
  await expect(client().silence(wanted)).rejects.toMatchObject({
    code: 'failed',
    message: 'Alertmanager "lab" refuses (400): end time must not be in the past',
  })
  fault = () => ({ status: 401, body: 'no' })
  await expect(client().alerts()).rejects.toMatchObject({
    code: 'unauthorised',
    hint: expect.stringContaining('alerts.sources.lab') as string,
  })
  await expect(client().silence(wanted)).rejects.toMatchObject({ code: 'unauthorised' })
  expect(changes).toEqual([])
})

test.each([
  ['a login page', { status: 200, body: '<html>' }],
  ['another API', { status: 200, body: '{"status":"success"}' }],
  ['a redirect', { status: 302, headers: { location: '/login' } }],
  ['nothing there', { status: 404, body: 'not found' }],
])('says where to look when it is no Alertmanager: %s', async (_, reply) => {
  fault = () => reply
  await expect(client().alerts()).rejects.toMatchObject({
    code: 'config',
    hint: expect.stringContaining('alerts.sources.lab.url') as string,
  })
})

test('times of any offset and lists that are null are read', async () => {
  fault = () => ({
    body: JSON.stringify([
      {
        fingerprint: '1',
        labels: { alertname: 'PlexDown' },
        annotations: null,
        startsAt: '2026-11-26T03:00:00.123+01:00',
        endsAt: '2026-11-26T04:00:00.123+01:00',
        receivers: [{ name: 'homelab' }],
        status: { state: 'active', silencedBy: null, inhibitedBy: [] },
      },
    ]),
  })
  expect(await client().alerts()).toMatchObject([
    { startsAt: '2026-11-26T02:00:00.123Z', annotations: {}, status: { silencedBy: [], mutedBy: [] } },
  ])
})
