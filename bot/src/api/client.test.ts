import { createServer, type Socket } from 'node:net'
import { type Caller, HomelabError, Secret, TransportError } from '@homelab/core'
import { afterEach, describe, expect, it } from 'vitest'
import type { Posted } from '../chat/types.ts'
import { createApi } from './api.ts'
import { createApiClient } from './client.ts'
import { createFixtureDesk } from './desk.fixture.ts'
import { type Served, serve } from './serve.ts'

const token = new Secret('the-right-token')
const caller: Caller = { id: 'cli:local', name: 'ada', role: 'admin', surface: 'cli' }
const about = { version: '0.1.0', mode: 'bot', lab: 'home' } as const

const open: Served[] = []
afterEach(async () => {
  for (const served of open.splice(0)) await served.close()
})

async function start(desk = createFixtureDesk(2), port = 0) {
  const api = createApi({ desk, token, caller: () => caller, about })
  const served = await serve(api, { host: '127.0.0.1', port, setting: 'the port' })
  open.push(served)
  return { desk, served, client: createApiClient({ url: served.url, token, giveUpMs: 1_000 }) }
}

async function collect(cards: AsyncIterable<Posted>): Promise<Posted[]> {
  const all: Posted[] = []
  for await (const card of cards) all.push(card)
  return all
}

describe('the API client', () => {
  it('submits, follows to the end, completes and asks who is there', async () => {
    const { desk, client } = await start()
    const first = await client.submit({ text: 'restart plex' })
    const states = await collect(client.follow(first.id))
    expect(states.at(-1)).toEqual(desk.board.get(first.id))
    expect(states.at(-1)?.card.title).toBe('plex is back')
    expect(await client.complete('restart pr')).toMatchObject([
      { value: 'prowlarr' },
      { value: 'prometheus' },
    ])
    expect(await client.about()).toEqual(about)
  })

  it('answers a question of the card and follows on', async () => {
    const { client } = await start()
    const { id } = await client.submit({ text: 'stop plex' })
    const titles: string[] = []
    for await (const { state, card } of client.follow(id)) {
      titles.push(card.title)
      const action = card.buttons?.[0]?.action
      if (state === 'asking' && action !== undefined) await client.press(id, action)
    }
    expect(titles.at(-1)).toBe('plex is stopped')
    expect(titles[0]).toBe('Stop plex (CT 110 on pve)?')
  })

  it('follows on through a restart of the bot, without telling a state twice', async () => {
    const { desk, served, client } = await start()
    const { id } = await client.submit({ text: 'stop plex' })
    const titles: string[] = []
    for await (const { state, card } of client.follow(id)) {
      titles.push(card.title)
      if (state !== 'asking') continue
      await served.close()
      const again = await start(desk, served.port)
      const action = card.buttons?.[0]?.action
      if (action !== undefined) await again.client.press(id, action)
    }
    expect(titles.at(-1)).toBe('plex is stopped')
    expect(new Set(titles).size).toBe(titles.length)
    expect(desk.taken).toHaveLength(1)
  })

  it('gives up on a bot that stays away', async () => {
    const { served, client } = await start()
    const { id } = await client.submit({ text: 'stop plex' })
    const followed = (async () => {
      for await (const { state } of client.follow(id)) if (state === 'asking') await served.close()
    })()
    await expect(followed).rejects.toThrow(/No bot answers at http:\/\/127/)
  })

  it('stops following when it is told to', async () => {
    const { client } = await start()
    const { id } = await client.submit({ text: 'stop plex' })
    const stop = new AbortController()
    const followed = (async () => {
      for await (const _ of client.follow(id, { signal: stop.signal })) stop.abort(new Error('enough'))
    })()
    await expect(followed).rejects.toThrow('enough')
  })

  it('sends the same key again after a lost answer, so that it stays one command', async () => {
    const { desk, served } = await start()
    let cut = 1
    // A proxy that loses the first answer after the bot has taken the command.
    const relay = async (socket: Socket, request: string) => {
      const [head = '', body = ''] = request.split('\r\n\r\n')
      const authorization = /authorization: (.*)/i.exec(head)?.[1]?.trim() ?? ''
      const url = `${served.url}/api/commands`
      const text = await (await fetch(url, { method: 'POST', body, headers: { authorization } })).text()
      if (cut-- > 0) socket.destroy()
      else socket.end(`HTTP/1.1 202 Accepted\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
    }
    const proxy = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (request) => void relay(socket, request.toString('latin1')))
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const address = proxy.address()
    const port = typeof address === 'object' ? address?.port : 0
    const posted = await createApiClient({ url: `http://127.0.0.1:${port}`, token }).submit({
      text: 'status',
    })
    proxy.close()
    expect(desk.taken.map(({ key }) => key)).toEqual([posted.id])
    expect(cut).toBe(-1)
  })

  it('says that nobody is there, that the token is wrong, and that a stranger answers', async () => {
    const { served, client } = await start()
    const wrong = createApiClient({ url: served.url, token: new Secret('wrong-token') })
    await expect(wrong.about()).rejects.toMatchObject({ code: 'unauthorised' })
    await expect(collect(client.follow('none'))).rejects.toMatchObject({ code: 'not-found' })
    await served.close()
    const refused = await client.submit({ text: 'status' }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(TransportError)
    expect(refused).toMatchObject({ sent: false, message: expect.stringContaining('ECONNREFUSED') })

    const stranger = await serve(
      { fetch: () => new Response('<h1>nginx</h1>', { status: 404 }) },
      { host: '127.0.0.1', port: 0, setting: 'the port' },
    )
    open.push(stranger)
    const lost = createApiClient({ url: stranger.url, token }).about()
    await expect(lost).rejects.toMatchObject({ message: expect.stringContaining('is not homelab') })
  })
})

describe('serve', () => {
  it('names the setting to change when the port is taken', async () => {
    const { served } = await start()
    const second = serve(
      { fetch: () => new Response() },
      { host: '127.0.0.1', port: served.port, setting: 'HOMELAB_PORT' },
    )
    await expect(second).rejects.toSatisfy(
      (error) =>
        error instanceof HomelabError && error.code === 'conflict' && /HOMELAB_PORT/.test(error.hint ?? ''),
    )
  })

  it('says that an address is not of this machine', async () => {
    const served = serve(
      { fetch: () => new Response() },
      { host: '192.0.2.1', port: 0, setting: 'HOMELAB_HOST' },
    )
    await expect(served).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('no such address'),
    })
  })
})
