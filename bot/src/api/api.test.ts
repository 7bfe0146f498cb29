import { type Caller, type HomelabError, Secret } from '@homelab/core'
import { describe, expect, it } from 'vitest'
import type { Posted } from '../chat/types.ts'
import { createApi } from './api.ts'
import { createFixtureDesk } from './desk.fixture.ts'
import { readEvents } from './sse.ts'

const token = new Secret('the-right-token')
const caller: Caller = { id: 'cli:local', name: 'ada', role: 'admin', surface: 'cli' }

const program = (name: string): Caller => ({
  id: `api:${name}`,
  name,
  role: 'operator',
  surface: 'api',
  person: name,
})
const programs: Record<string, Caller> = {
  'token-of-n8n': program('n8n'),
  'token-of-other': program('other'),
}

function start(pace = 2) {
  const desk = createFixtureDesk(pace)
  const bugs: unknown[] = []
  const api = createApi({
    desk,
    token,
    caller: () => caller,
    programs: async (given) => programs[given],
    about: { version: '0.1.0', mode: 'bot', lab: 'home' },
    onBug: (error) => bugs.push(error),
    draw: async (svg, theme) =>
      svg === 'none' ? undefined : new TextEncoder().encode(`PNG of ${svg} in ${theme}`),
  })
  const call = (
    path: string,
    init: { body?: unknown; raw?: string; token?: string; headers?: Record<string, string> } = {},
  ) =>
    api.request(path, {
      ...(init.body === undefined && init.raw === undefined
        ? {}
        : { method: 'POST', body: init.raw ?? JSON.stringify(init.body) }),
      headers: { ...init.headers, authorization: `Bearer ${init.token ?? token.reveal()}` },
    })
  return { desk, api, call, bugs }
}

describe('the API', () => {
  it('takes a command once for each key', async () => {
    const { desk, call } = start()
    const body = { text: 'restart plex', key: 'message-1' }
    const first = await call('/api/commands', { body })
    const second = await call('/api/commands', { body })
    expect(desk.taken.map(({ text, key, place }) => ({ text, key, place }))).toEqual([
      { text: 'restart plex', key: 'message-1', place: { surface: 'cli', channel: 'cli:local' } },
    ])
    expect([first.status, second.status]).toEqual([202, 202])
    expect(await first.json()).toMatchObject({
      id: 'message-1',
      state: 'working',
      caller: { id: 'cli:local' },
    })
  })

  it('draws the picture of a card, for who may see the card', async () => {
    const { call, desk } = start()
    const of = (id: string, picture?: { alt: string; svg: string }): Posted => ({
      id,
      place: { surface: 'api', channel: 'api:n8n' },
      caller: program('n8n'),
      command: 'graph plex',
      at: new Date().toISOString(),
      card: { title: 'plex: CPU', tone: 'neutral', ...(picture === undefined ? {} : { picture }) },
      state: 'done',
    })
    desk.post(of('graph-00001', { alt: 'plex', svg: '<svg/>' }))
    desk.post(of('graph-00002', { alt: 'plex', svg: 'none' }))
    desk.post(of('words-00001'))
    const n8n = { token: 'token-of-n8n' }

    const dark = await call('/api/cards/graph-00001/picture?theme=dark', n8n)
    expect([dark.status, dark.headers.get('content-type')]).toEqual([200, 'image/png'])
    expect(await dark.text()).toBe('PNG of <svg/> in dark')
    const json = await call('/api/cards/graph-00001/picture', {
      ...n8n,
      headers: { accept: 'application/json' },
    })
    expect(await json.json()).toEqual({
      type: 'image/png',
      base64: Buffer.from('PNG of <svg/> in light').toString('base64'),
    })
    const refusals = await Promise.all([
      call('/api/cards/graph-00001/picture?theme=pink', n8n),
      call('/api/cards/graph-00001/picture', { token: 'token-of-other' }),
      call('/api/cards/graph-00001/picture', { token: 'wrong' }),
      call('/api/cards/words-00001/picture', n8n),
      call('/api/cards/graph-00002/picture', n8n),
    ])
    expect(refusals.map(({ status }) => status)).toEqual([400, 404, 401, 404, 502])
  })

  it('streams every state of a card from the current one to the last, then ends', async () => {
    const { desk, call } = start()
    await call('/api/commands', { body: { text: 'restart plex', key: 'message-1' } })
    const response = await call('/api/cards/message-1/events')
    const states: Posted[] = []
    for await (const { event, data } of readEvents(response.body ?? new ReadableStream()))
      if (event === 'card') states.push(JSON.parse(data))
    expect(states.at(-1)).toEqual(desk.board.get('message-1'))
    expect(states.at(-1)).toMatchObject({ state: 'done', card: { title: 'plex is back', tone: 'ok' } })
    expect(states[0]?.state).toBe('working')
    expect(response.headers.get('content-type')).toContain('text/event-stream')
  })

  it('streams a finished card once', async () => {
    const { desk, call } = start()
    await call('/api/commands', { body: { text: 'status', key: 'message-1' } })
    await desk.settled('message-1')
    const response = await call('/api/cards/message-1/events')
    expect((await response.text()).match(/^event: card$/gm)).toHaveLength(1)
  })

  it('presses the buttons of a card', async () => {
    const { desk, call } = start()
    await call('/api/commands', { body: { text: 'stop plex', key: 'message-1' } })
    const asking = desk.board.get('message-1')
    const action = asking?.card.buttons?.[0]?.action
    const response = await call('/api/cards/message-1/press', { body: { action } })
    expect((await desk.settled('message-1')).card.title).toBe('plex is stopped')
    expect(response.status).toBe(202)
  })

  it('completes a line and says what it is', async () => {
    const { call } = start()
    const completions = await call('/api/complete', { body: { line: 'restart pl' } })
    expect(await completions.json()).toMatchObject([{ line: 'restart plex ', value: 'plex' }])
    expect(await (await call('/api/about')).json()).toEqual({ version: '0.1.0', mode: 'bot', lab: 'home' })
  })

  it.each([
    ['without a token', {}],
    ['with a wrong token', { authorization: 'Bearer the-wrong-token' }],
    ['with an empty token', { authorization: 'Bearer ' }],
    ['with another scheme', { authorization: 'Basic the-right-token' }],
  ])('refuses a request %s', async (_, headers) => {
    const { api, desk } = start()
    for (const path of ['/api/commands', '/api/cards/x', '/api/about', '/api/nothing']) {
      const response = await api.request(path, {
        headers,
        method: path === '/api/commands' ? 'POST' : 'GET',
      })
      expect(response.status).toBe(401)
      const error = await response.json()
      expect(error).toMatchObject({ code: 'unauthorised', hint: expect.stringContaining('Bearer') })
      expect(JSON.stringify(error)).not.toContain('the-right-token')
    }
    expect(desk.taken).toEqual([])
  })

  it.each([
    ['a body over 64 KiB', { raw: 'x'.repeat(64 * 1024 + 1) }, 413, /at most 64 KiB/],
    ['a command over 4,000 characters', { body: { text: 'x'.repeat(4_001) } }, 400, /text: .*4,000/],
    ['what is not JSON', { raw: '{' }, 400, /not JSON/],
    ['a missing field', { body: {} }, 400, /text/],
    ['a strange key', { body: { text: 'status', key: 'a b' } }, 400, /key/],
  ])('refuses %s', async (_, init, status, message) => {
    const { desk, call, bugs } = start()
    const response = await call('/api/commands', init)
    expect(desk.taken).toEqual([])
    expect(await response.json()).toMatchObject({ code: 'usage', message: expect.stringMatching(message) })
    expect(response.status).toBe(status)
    expect(bugs).toEqual([])
  })

  it('says 404 for a card and a path that are not there', async () => {
    const { call } = start()
    for (const path of ['/api/cards/none', '/api/cards/none/events', '/api/none']) {
      const response = await call(path)
      expect(response.status).toBe(404)
      expect(await response.json()).toMatchObject({ code: 'not-found' })
    }
  })

  it('passes errors of the desk on, and hides the text of unforeseen ones', async () => {
    const { call, desk, bugs } = start()
    await call('/api/commands', { body: { text: 'stop plex', key: 'message-1' } })
    const asked = desk.board.get('message-1')
    if (asked === undefined) throw new Error('no card')
    desk.post({
      ...asked,
      id: 'message-2',
      caller: { id: 'cli:eve', name: 'eve', role: 'viewer', surface: 'cli' },
    })
    const action = { kind: 'confirm', id: 'x' }
    const denied = await call('/api/cards/message-2/press', { body: { action } })
    expect([denied.status, await denied.json()]).toMatchObject([403, { code: 'denied' } as HomelabError])

    desk.complete = () => {
      throw new Error('hunter2')
    }
    const broken = await call('/api/complete', { body: { line: '' } })
    const text = await broken.text()
    expect([broken.status, text.includes('hunter2')]).toEqual([500, false])
    expect(bugs).toMatchObject([{ message: 'hunter2' }])
  })
})

describe('a program of the file', () => {
  const body = { text: 'restart plex', key: 'message-1' }

  it('is the caller of what it asks for, with what it asks for it for', async () => {
    const { api, desk } = start()
    const response = await api.request('/api/commands', {
      method: 'POST',
      body: JSON.stringify(body),
      headers: {
        authorization: 'Bearer token-of-n8n',
        'x-homelab-for': encodeURIComponent('Nightly\u202E backup ä'),
      },
    })
    expect(response.status).toBe(202)
    expect(desk.taken).toMatchObject([
      {
        caller: { ...programs['token-of-n8n'], name: 'n8n (Nightly backup ä)' },
        place: { surface: 'api', channel: 'api:n8n' },
      },
    ])
  })

  it('sees and presses its own cards only; the owner sees all', async () => {
    const { desk, call } = start()
    await call('/api/commands', { body: { text: 'stop plex', key: 'message-1' }, token: 'token-of-n8n' })
    const action = desk.board.get('message-1')?.card.buttons?.[0]?.action
    const other = { token: 'token-of-other' }
    expect((await call('/api/cards/message-1', other)).status).toBe(404)
    expect((await call('/api/cards/message-1/events', other)).status).toBe(404)
    expect((await call('/api/cards/message-1/press', { ...other, body: { action } })).status).toBe(404)
    expect((await call('/api/commands', { ...other, body })).status).toBe(404)
    expect(desk.board.get('message-1')?.state).toBe('asking')
    expect((await call('/api/cards/message-1')).status).toBe(200)
    expect((await call('/api/cards/message-1', { token: 'token-of-n8n' })).status).toBe(200)
  })

  it('waits for the end of a card in one call, or for its question', async () => {
    const { call } = start(30)
    await call('/api/commands', { body, token: 'token-of-n8n' })
    const ended = await call('/api/cards/message-1?wait=20', { token: 'token-of-n8n' })
    expect(await ended.json()).toMatchObject({ state: 'done', card: { title: 'plex is back' } })
    await call('/api/commands', { body: { text: 'stop plex', key: 'message-2' }, token: 'token-of-n8n' })
    const asking = await call('/api/cards/message-2?wait=20', { token: 'token-of-n8n' })
    expect(await asking.json()).toMatchObject({ state: 'asking' })
    expect((await call('/api/cards/message-2?wait=26')).status).toBe(400)
  })

  it('may call 600 times a minute', async () => {
    const { call } = start()
    const statuses = await Promise.all(
      Array.from({ length: 605 }, async () => (await call('/api/about', { token: 'token-of-n8n' })).status),
    )
    expect(statuses.filter((status) => status === 429)).toHaveLength(5)
    const refused = await call('/api/about', { token: 'token-of-n8n' })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await call('/api/about', { token: 'token-of-other' })).status).toBe(200)
    expect((await call('/api/about')).status).toBe(200)
  })

  it('is not locked out by those who guess, who are', async () => {
    const { call } = start()
    const guesses: number[] = []
    for (let count = 0; count < 6; count++)
      guesses.push((await call('/api/about', { token: `guess-${count}` })).status)
    expect(guesses).toEqual([401, 401, 401, 401, 429, 429])
    expect((await call('/api/about', { token: 'token-of-n8n' })).status).toBe(200)
  })
})

describe('healthz', () => {
  const ago = (ms: number) => new Date(Date.now() - ms).toISOString()
  const minute = 60_000

  it.each([
    ['connected', { state: 'connected', since: ago(9 * minute) }, 200, 'ok', 'connected'],
    ['not yet there', { state: 'connecting', since: ago(1_000) }, 200, 'ok', 'connecting'],
    ['away for long', { state: 'connecting', since: ago(2 * minute) }, 503, 'deaf', 'connecting'],
    ['refused', { state: 'refused', since: ago(1_000) }, 503, 'deaf', 'refused'],
    [
      'connected, and something does not work',
      { state: 'connected', since: ago(9 * minute), problem: 'The bot is in no server yet.' },
      200,
      'troubled',
      'troubled',
    ],
  ] as const)('tells of a platform that is %s', async (_, status, code, word, platform) => {
    const api = createApi({
      desk: createFixtureDesk(2),
      token,
      caller: () => caller,
      about: { version: '0.1.0', mode: 'bot', lab: 'home' },
      platforms: () => [{ platform: 'discord', ...status }],
    })
    const answer = await api.request('/healthz')
    expect(answer.status).toBe(code)
    const text = await answer.text()
    expect(JSON.parse(text)).toMatchObject({ status: word, platforms: { discord: platform } })
    expect(text).not.toContain('server')
  })
})
