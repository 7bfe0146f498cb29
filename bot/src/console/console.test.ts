import { Secret } from '@homelab/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { startConsole } from './console.fixture.ts'
import { hostAllowed, localPath } from './guard.ts'
import { Sessions } from './sessions.ts'

describe('a page', () => {
  it('shows the desk: the box, the cards newest first, and the lab', async () => {
    const { desk, open, get } = startConsole()
    await open()
    for (const [key, text] of Object.entries({ 'key-0001': 'status', 'key-0002': 'logs plex' })) {
      desk.submit({
        text,
        key,
        caller: { id: 'console:local', name: 'you', role: 'admin', surface: 'chat' },
        place: { surface: 'console', channel: 'desk' },
      })
      await desk.settled(key)
    }
    const page = await (await get('/?text=restart%20%22%3Cb%3E')).text()
    expect(page.indexOf('card-key-0002')).toBeLessThan(page.indexOf('card-key-0001'))
    expect(page).toMatch(/role="combobox"[^>]*aria-controls="choices"/)
    expect(page).toContain('value="restart &quot;&lt;b&gt;"')
    expect(page).toContain('Needs a look')
  })

  it('allows only its own scripts and styles, has none inside, and takes nothing from elsewhere', async () => {
    const { open, get } = startConsole()
    const page = await open()
    const { headers } = await get('/')
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    )
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(page.match(/<script[^>]*>[^<]+/g)).toBeNull()
    expect(page).not.toMatch(/ style="| on\w+="|<style/)
    expect(page.match(/(?:src|href)="(?:https?:)?\/\//g)).toBeNull()
  })

  it('has its headers on events, errors and files too', async () => {
    const { open, get } = startConsole()
    await open()
    for (const path of ['/console/events', '/console/assets/app.js', '/nothing', '/runs/none', '/help']) {
      const { headers, body } = await get(path)
      expect(headers.get('content-security-policy'), path).toContain("default-src 'none'")
      await body?.cancel()
    }
  })

  it('sends a file again only when it has changed, and no file from outside its folder', async () => {
    const { get } = startConsole()
    const first = await get('/console/assets/app.js')
    const again = await get('/console/assets/app.js', { 'if-none-match': first.headers.get('etag') ?? '' })
    expect([first.status, again.status]).toEqual([200, 304])
    for (const name of ['..%2fconsole.ts', '%2e%2e/console.ts', 'none.js'])
      expect((await get(`/console/assets/${name}`)).status).toBe(404)
  })

  it('says so when there is no such page, run or card, and when something broke', async () => {
    const { desk, get, open, bugs } = startConsole()
    await open()
    for (const path of ['/nothing', '/runs/none', '/console/cards/none/attachments/0']) {
      const response = await get(path)
      expect([response.status, await response.text()]).toEqual([404, expect.stringContaining('Not found')])
    }
    desk.board.recent = () => {
      throw new Error('hunter2')
    }
    const broken = await get('/')
    const text = await broken.text()
    expect([broken.status, text.includes('hunter2')]).toEqual([500, false])
    expect(text).toContain('Something broke')
    expect(bugs).toMatchObject([{ message: 'hunter2' }])
  })

  it('hands an attachment out as a download, never as a page', async () => {
    const { desk, get, open } = startConsole()
    await open()
    desk.post({
      id: 'key-0001',
      place: { surface: 'console', channel: 'desk' },
      caller: { id: 'console:local', name: 'you', role: 'admin', surface: 'chat' },
      command: 'x',
      at: new Date().toISOString(),
      state: 'done',
      card: {
        title: 'x',
        tone: 'ok',
        attachments: [{ name: 'a"b\n.html', type: 'text/html', text: '<script>' }],
      },
    })
    const { headers } = await get('/console/cards/key-0001/attachments/0')
    expect(headers.get('content-type')).toBe('application/octet-stream')
    expect(headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''a%22b%0A.html")
  })
})

describe('a command', () => {
  it('works without a script: a form, then back to its card', async () => {
    const { desk, open, post } = startConsole()
    await open()
    const response = await post('/console/commands', { text: ' /homelab  restart plex ', key: 'key-0001' })
    expect(desk.taken.map(({ text, caller }) => [text, caller.id])).toEqual([
      ['restart plex', 'console:local'],
    ])
    expect([response.status, response.headers.get('location')]).toEqual([303, '/#card-key-0001'])
  })

  it('sent twice is one command', async () => {
    const { desk, open, post } = startConsole()
    await open()
    const fields = { text: 'restart plex', key: 'key-0001' }
    await Promise.all([post('/console/commands', fields), post('/console/commands', fields)])
    expect(desk.taken).toHaveLength(1)
  })

  it('gets its card back as JSON for the script', async () => {
    const { open, post } = startConsole()
    await open()
    const json = { accept: 'application/json' }
    const response = await post('/console/commands', { text: 'status', key: 'key-0001' }, json)
    expect(response.status).toBe(202)
    expect(await response.json()).toMatchObject({
      id: 'card-key-0001',
      state: 'working',
      html: expect.stringContaining('<article'),
    })
  })

  it.each([
    ['nothing', '  ', 400, /Type a command/],
    ['4,001 characters', 'x'.repeat(4_001), 400, /4,001 characters; a command has at most 4,000/],
    ['64 KiB of garbage', '\u0000é<"&'.repeat(13_107), 400, /a command has at most 4,000/],
    ['more than any form', 'é'.repeat(200_000), 413, /too long/],
  ])('of %s gets a clear answer', async (_, text, status, message) => {
    const { desk, open, post, bugs } = startConsole()
    await open()
    const script = await post('/console/commands', { text }, { accept: 'application/json' })
    expect(script.status).toBe(status)
    expect(await script.json()).toMatchObject({ message: expect.stringMatching(message) })
    const person = await post('/console/commands', { text })
    expect([person.status, await person.text()]).toEqual([status, expect.stringMatching(message)])
    expect([desk.taken, bugs]).toEqual([[], []])
  })

  it('is answered by the buttons of its card', async () => {
    const { desk, open, post } = startConsole()
    await open()
    await post('/console/commands', { text: 'stop plex', key: 'key-0001' })
    const action = JSON.stringify(desk.board.get('key-0001')?.card.buttons?.[0]?.action)
    await post('/console/cards/key-0001/press', { action, key: 'key-0002' })
    expect((await desk.settled('key-0001')).card.title).toBe('plex is stopped')
    for (const wrong of ['', '{', '{"kind":"destroy"}']) {
      expect((await post('/console/cards/key-0001/press', { action: wrong })).status).toBe(400)
    }
  })

  it('is completed with and without the prefix, and kept in the history', async () => {
    const { open, post, get } = startConsole()
    await open()
    const lines = async (line: string) => {
      const response = await get(`/console/complete?line=${encodeURIComponent(line)}`)
      const completions = z.array(z.object({ line: z.string() })).parse(await response.json())
      return completions.map((completion) => completion.line)
    }
    expect(await lines('restart pl')).toEqual(['restart plex '])
    expect(await lines('/homelab restart pl')).toEqual(['/homelab restart plex '])
    await post('/console/commands', { text: 'status' })
    expect(await (await get('/console/history')).json()).toEqual(['status'])
  })

  it('cancels a run by what a person would type', async () => {
    const { desk, open, post } = startConsole()
    await open()
    await post('/runs/run-1/cancel', {})
    expect(desk.taken.map(({ text }) => text)).toEqual(['run cancel run-1'])
  })
})

describe('who is let in', () => {
  it.each([
    ['from another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['from another port of this machine', { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }],
    ['with a hidden origin', { origin: 'null' }],
    ['whose browser calls it foreign', { 'sec-fetch-site': 'cross-site' }],
  ])('refuses a form %s', async (_, headers) => {
    const { desk, open, post } = startConsole()
    await open()
    const response = await post('/console/commands', { text: 'restart plex' }, headers)
    expect(desk.taken).toEqual([])
    expect(response.status).toBe(403)
  })

  it('refuses a form without the proof of its session, or with that of another', async () => {
    const [first, other] = [startConsole(), startConsole()]
    await first.open()
    await other.open()
    for (const csrf of ['', 'x', new Sessions().create().csrf]) {
      expect((await first.post('/console/commands', { text: 'restart plex', csrf })).status).toBe(403)
    }
    expect((await first.post('/console/commands', { text: 'restart plex' }, { cookie: '' })).status).toBe(403)
    expect(first.desk.taken).toEqual([])
  })

  it('refuses names that are not its own', async () => {
    const { app } = startConsole()
    for (const host of ['evil.example', 'localhost.evil.example:8787', '192.168.1.5', ''])
      expect((await app.request('/', { headers: { host } })).status).toBe(403)
  })

  it.each([
    ['localhost:8787', true],
    ['127.0.0.1:8787', true],
    ['[::1]:8787', true],
    ['LOCALHOST:8787', true],
    ['localhost:3000', false],
    ['localhost', false],
    ['10.0.0.5:8787', false],
    ['evil.example:8787', false],
    ['127.0.0.1:8787@evil.example', false],
  ])('on the loopback %s is allowed: %s', (host, allowed) => {
    expect(hostAllowed(host, 8787, { loopbackOnly: true, hosts: [] })).toBe(allowed)
  })

  it.each([
    ['desk.home.example', true],
    ['desk.home.example:8443', true],
    ['10.0.0.5:8787', true],
    ['evil.example', false],
    [undefined, false],
  ])('open to others %s is allowed: %s', (host, allowed) => {
    expect(hostAllowed(host, 8787, { loopbackOnly: false, hosts: ['Desk.home.example'] })).toBe(allowed)
  })

  it('gives a session that scripts and other sites never get', async () => {
    const { app } = startConsole()
    const { headers } = await app.request('/', { headers: { host: 'localhost:8787' } })
    expect(headers.get('set-cookie')).toMatch(/^homelab_8787=[\w.-]+; .*HttpOnly; SameSite=Strict/)
  })
})

describe('a log-in', () => {
  const login = { kind: 'token', token: new Secret('the-console-token') } as const

  it('is asked for before anything is shown, and lets the right token in', async () => {
    const { get, post, open, desk } = startConsole({ login })
    const turned = await get('/runs')
    expect([turned.status, turned.headers.get('location')]).toEqual([302, '/login?next=%2Fruns'])
    expect((await get('/console/events', { accept: 'text/event-stream' })).status).toBe(401)
    expect((await post('/console/commands', { text: 'restart plex' })).status).toBe(302)
    expect((await get('/login')).status).toBe(200)
    const entered = await post('/login', { token: 'the-console-token', next: '/runs' })
    expect([entered.status, entered.headers.get('location')]).toEqual([303, '/runs'])
    expect(await open()).toContain('Log out')
    await post('/console/commands', { text: 'status' })
    expect(desk.taken).toHaveLength(1)
  })

  it('ends with a log-out, also for a copy of the cookie', async () => {
    const { get, post, open } = startConsole({ login })
    const entered = await post('/login', { token: 'the-console-token' })
    const copy = entered.headers.get('set-cookie')?.split(';')[0] ?? ''
    await open()
    await post('/logout', {})
    expect((await get('/', { cookie: copy })).status).toBe(302)
  })

  it('makes guessing slower after five wrong tokens, then forgives', async () => {
    let now = 0
    const { get, post } = startConsole({ login, now: () => new Date(now) })
    await get('/login')
    const attempt = async (token: string) => (await post('/login', { token })).status
    const statuses = []
    for (let count = 0; count < 6; count++) statuses.push(await attempt('wrong'))
    expect(statuses).toEqual([401, 401, 401, 401, 429, 429])
    expect(await attempt('the-console-token')).toBe(429)
    now += 2_000
    const slower = await post('/login', { token: 'wrong' })
    expect([slower.status, slower.headers.get('retry-after')]).toEqual([429, '4'])
    now += 4_000
    expect(await attempt('the-console-token')).toBe(303)
  })

  it('goes on to no other site', async () => {
    const { post } = startConsole({ login })
    for (const next of ['//evil.example', 'https://evil.example', '/\\evil.example']) {
      const { headers } = await post('/login', { token: 'the-console-token', next })
      expect(headers.get('location')).toBe('/')
    }
    expect(localPath('/runs/1?x=y')).toBe('/runs/1?x=y')
  })

  it('takes no cookie that was changed, is old, or was signed with another key', () => {
    let now = 0
    const sessions = new Sessions(undefined, () => new Date(now))
    const { value } = sessions.create()
    const [id, until, mac] = value.split('.')
    expect(sessions.read(value)?.value).toBe(value)
    expect(sessions.read(`${id}.${Number(until) + 1}.${mac}`)).toBeUndefined()
    expect(sessions.read(undefined)).toBeUndefined()
    expect(new Sessions().read(value)).toBeUndefined()
    now += 31 * 24 * 3600 * 1000
    expect(sessions.read(value)).toBeUndefined()
  })
})
