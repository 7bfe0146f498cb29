import { X509Certificate } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { HomelabError, TransportError } from '../errors.ts'
import { createHttp } from '../node/http.ts'
import { fastClock, type ScriptedServer, startServer } from '../node/testing.ts'
import { Secret } from '../secret.ts'
import { createProxmox, type ProxmoxOptions } from './index.ts'
import type { GuestRef } from './types.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((http) => http.close()))
})

const plex: GuestRef = { vmid: 110, type: 'lxc', node: 'pve', name: 'plex' }
const upid = 'UPID:pve:0000ABCD:00FF00FF:6733A000:vzreboot:110:root@pam!homelab:'
const token = { kind: 'token', id: 'root@pam!homelab', secret: new Secret('s3cret-value') } as const
const version = { version: '8.4.5', release: '8.4' }

function connect(servers: readonly ScriptedServer[], options: Partial<ProxmoxOptions> = {}) {
  const fingerprint = servers.map((server) => new X509Certificate(server.certificate).fingerprint256)
  const http = createHttp({ fingerprint })
  open.push(http)
  const clock = fastClock()
  const endpoints = servers.map((server) => server.url)
  const pve = createProxmox({ http, clock, endpoints, auth: token, random: () => 0.5, ...options })
  return { pve, clock }
}

async function failure(promise: Promise<unknown>): Promise<HomelabError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(HomelabError)
  return error as HomelabError
}

/** A server that is gone: its port refuses connections. */
async function closedServer(): Promise<ScriptedServer> {
  const server = await startServer(() => ({}))
  await server[Symbol.asyncDispose]()
  return server
}

describe('requests', () => {
  it('carry the token and a form body for changes, nothing for reads', async () => {
    await using server = await startServer(({ method }) => ({ data: method === 'GET' ? version : upid }))
    const { pve } = connect([server])
    expect(await pve.version()).toEqual(version)
    expect(await pve.power(plex, 'shutdown', { timeout: 30, force: true })).toBe(upid)
    const [get, post] = server.calls
    expect(get).toMatchObject({ method: 'GET', path: '/version', body: '' })
    expect(get?.headers.authorization).toBe('PVEAPIToken=root@pam!homelab=s3cret-value')
    expect(get?.headers['content-length']).toBeUndefined()
    expect(post).toMatchObject({ path: '/nodes/pve/lxc/110/status/shutdown', body: 'timeout=30&forceStop=1' })
    expect(post?.headers['content-type']).toBe('application/x-www-form-urlencoded')
  })

  it('refuse an address or a token id of the wrong form at once', () => {
    const { http, clock } = { http: createHttp(), clock: fastClock() }
    open.push(http)
    const make = (endpoint: string, id: string) => () =>
      createProxmox({
        http,
        clock,
        endpoints: [endpoint],
        auth: { kind: 'token', id, secret: new Secret('x') },
      })
    expect(make('ftp://pve', 'root@pam!x')).toThrow(/not an address/)
    expect(make('pve', 'root@pam')).toThrow(/not the id of a Proxmox API token/)
    expect(make('pve', 'root@pam!x')).not.toThrow()
  })

  it('say so when it is no Proxmox that answers', async () => {
    await using server = await startServer(() => ({ body: '<html>Welcome</html>' }))
    expect(await failure(connect([server]).pve.version())).toMatchObject({ code: 'failed' })
  })
})

describe('reads', () => {
  it.each([502, 503, 595, 596, 599])('are tried again after %i, with growing pauses', async (status) => {
    let bad = 3
    await using server = await startServer(() =>
      bad-- > 0 ? { status, reason: 'trouble' } : { data: version },
    )
    const { pve, clock } = connect([server])
    expect(await pve.version()).toEqual(version)
    expect(clock.slept).toEqual([250, 500, 1000])
  })

  it('give up after four tries and tell which node', async () => {
    await using server = await startServer(() => ({ status: 595, reason: 'No route to host' }))
    const error = await failure(connect([server]).pve.nodeStatus('pve2'))
    expect(error).toMatchObject({ code: 'unreachable', data: { node: 'pve2', status: 595 } })
    expect(error.message).toContain('node pve2')
    expect(server.calls).toHaveLength(4)
  })

  it('are not tried again once much time went by', async () => {
    const { pve, clock } = connect([await closedServer()], { timeouts: { retryWithin: 0 } })
    expect(await failure(pve.version())).toMatchObject({ code: 'unreachable' })
    expect(clock.slept).toEqual([])
  })

  it('go to the next node at once when one is down, and stay there', async () => {
    await using server = await startServer(() => ({ data: version }))
    const logged: string[] = []
    const { pve, clock } = connect([await closedServer(), server], { log: (message) => logged.push(message) })
    expect(await pve.version()).toEqual(version)
    expect(await pve.version()).toEqual(version)
    expect(clock.slept).toEqual([])
    expect(logged).toHaveLength(1)
  })

  it('of something that hangs are not given to every node in turn', async () => {
    const clock = fastClock()
    await using first = await startServer(() => {
      clock.advance(10_000)
      return 'hang'
    })
    await using second = await startServer(() => ({ data: {} }))
    const { pve } = connect([first, second], { clock, timeouts: { storage: 700 } })
    expect(await failure(pve.storageStatus('pve', 'dead'))).toMatchObject({ code: 'timeout' })
    expect([first.calls.length, second.calls.length]).toEqual([1, 0])
  })

  it('never pass over an untrusted certificate', async () => {
    await using first = await startServer(() => ({ data: version }))
    await using second = await startServer(() => ({ data: version }))
    const http = createHttp({ fingerprint: 'AB'.repeat(32) })
    open.push(http)
    const { pve, clock } = connect([first, second], { http })
    expect(await failure(pve.version())).toMatchObject({ code: 'untrusted' })
    expect(await failure(pve.power(plex, 'start'))).toMatchObject({ code: 'untrusted' })
    expect([first.calls.length, second.calls.length, clock.slept.length]).toEqual([0, 0, 0])
  })

  it('end with the reason of their signal', async () => {
    await using server = await startServer(() => 'hang')
    const controller = new AbortController()
    const reason = new Error('enough')
    server.script = () => {
      controller.abort(reason)
      return 'hang'
    }
    const { pve } = connect([server])
    await expect(pve.version(controller.signal)).rejects.toBe(reason)
  })
})

describe('changes', () => {
  it.each([596, 599, 502])('are sent once, and %i leaves them unclear', async (status) => {
    await using server = await startServer(() => ({ status, reason: 'Connection timed out' }))
    await using other = await startServer(() => ({ data: upid }))
    const error = await failure(connect([server, other]).pve.power(plex, 'reboot'))
    expect(server.calls).toHaveLength(1)
    expect(other.calls).toHaveLength(0)
    expect(error).toMatchObject({
      code: 'unclear',
      data: { node: 'pve', path: '/nodes/pve/lxc/110/status/reboot' },
    })
  })

  it('are unclear after a cut connection and after a time-out, even on a kept connection', async () => {
    await using server = await startServer(() => ({ data: version }))
    const { pve } = connect([server], { timeouts: { change: 1_000 } })
    await pve.version()
    server.script = () => 'cut'
    expect(await failure(pve.power(plex, 'reboot'))).toMatchObject({ code: 'unclear' })
    server.script = () => 'hang'
    expect(await failure(pve.power(plex, 'reboot'))).toMatchObject({ code: 'unclear' })
    expect(server.calls.filter((call) => call.method === 'POST')).toHaveLength(2)
  })

  it('did not happen after 595: the node is down', async () => {
    await using server = await startServer(() => ({ status: 595, reason: 'Connection refused' }))
    expect(await failure(connect([server]).pve.power(plex, 'reboot'))).toMatchObject({ code: 'unreachable' })
    expect(server.calls.filter((call) => call.method === 'POST')).toHaveLength(1)
  })

  it('go to another node when the first was surely not reached', async () => {
    await using server = await startServer(() => ({ data: upid }))
    expect(await connect([await closedServer(), server]).pve.power(plex, 'reboot')).toBe(upid)
    const error = await failure(connect([await closedServer()]).pve.power(plex, 'reboot'))
    expect(error).toBeInstanceOf(TransportError)
    expect(error).toMatchObject({ code: 'unreachable', sent: false })
  })

  it('that answer something else than a task have failed', async () => {
    await using server = await startServer(() => ({ data: 'OK' }))
    const error = await failure(connect([server]).pve.power(plex, 'reboot'))
    expect(error).toMatchObject({ code: 'failed', data: { answer: 'OK' } })
    expect(error.message).toContain('started no task')
  })
})

describe('ticket login', () => {
  const auth = { kind: 'ticket', user: 'root@pam', password: new Secret('hunter22') } as const

  /** Hands out PVE:1, PVE:2, …; accepts the password or the last ticket, and calls with the last ticket. */
  async function ticketServer() {
    let last = 0
    const server = await startServer(({ path, form, headers, method }) => {
      const ticket = `PVE:root@pam:${last}`
      if (path === '/access/ticket') {
        if (form.get('password') !== 'hunter22' && form.get('password') !== ticket) {
          return { status: 401, reason: 'authentication failure' }
        }
        last += 1
        return {
          data: { ticket: `PVE:root@pam:${last}`, CSRFPreventionToken: `csrf-${last}`, username: 'root@pam' },
        }
      }
      if (decodeURIComponent(headers.cookie ?? '') !== `PVEAuthCookie=${ticket}`) {
        return { status: 401, reason: 'permission denied - invalid PVE ticket' }
      }
      if (method === 'GET') return { data: version }
      const csrf = headers.csrfpreventiontoken
      return csrf === `csrf-${last}` ? { data: upid } : { status: 401, reason: 'invalid csrf token' }
    })
    const logins = () =>
      server.calls.filter((call) => call.path === '/access/ticket').map((call) => call.form.get('password'))
    return { server, logins, invalidate: () => (last += 100) }
  }

  it('happens once for many calls; writes carry the CSRF token', async () => {
    const { server, logins } = await ticketServer()
    await using _ = server
    const { pve } = connect([server], { auth })
    await Promise.all([pve.version(), pve.version(), pve.version()])
    expect(await pve.power(plex, 'reboot')).toBe(upid)
    expect(logins()).toEqual(['hunter22'])
  })

  it('is renewed with the ticket before 2 h are over, with the password after', async () => {
    const { server, logins } = await ticketServer()
    await using _ = server
    const { pve, clock } = connect([server], { auth })
    await pve.version()
    clock.advance(89 * 60_000)
    await pve.version()
    expect(logins()).toEqual(['hunter22'])
    clock.advance(2 * 60_000)
    await pve.version()
    expect(logins()).toEqual(['hunter22', 'PVE:root@pam:1'])
    clock.advance(121 * 60_000)
    await pve.version()
    expect(logins()).toEqual(['hunter22', 'PVE:root@pam:1', 'hunter22'])
  })

  it('happens again when the server forgot the ticket, also for a change: it was not done', async () => {
    const { server, logins, invalidate } = await ticketServer()
    await using _ = server
    const { pve } = connect([server], { auth })
    await pve.version()
    invalidate()
    expect(await pve.power(plex, 'reboot')).toBe(upid)
    expect(logins()).toEqual(['hunter22', 'hunter22'])
  })

  it('explains a wrong password and a second factor', async () => {
    await using server = await startServer(() => ({ status: 401, reason: 'authentication failure' }))
    const wrong = await failure(connect([server], { auth }).pve.version())
    expect(wrong).toMatchObject({ code: 'unauthorised' })
    expect(wrong.message).toContain('authentication failure')
    expect(server.calls).toHaveLength(1)
    server.script = () => ({ data: { ticket: 'PVE:!tfa!', NeedTFA: 1, CSRFPreventionToken: 'x' } })
    const second = await failure(connect([server], { auth }).pve.version())
    expect(second.hint).toContain('pveum user token add root@pam')
  })

  it('that is cut does not make the change unclear', async () => {
    await using server = await startServer(() => 'cut')
    const error = await failure(connect([server], { auth }).pve.power(plex, 'reboot'))
    expect(error).toMatchObject({ code: 'unreachable', sent: false })
    expect(server.calls.map((call) => call.path)).toEqual(['/access/ticket'])
  })
})

describe('limits', () => {
  it('keep the calls at once for each node', async () => {
    let now = 0
    let most = 0
    const gate = Promise.withResolvers<void>()
    await using server = await startServer(async ({ path }) => {
      now += 1
      most = Math.max(most, now)
      if (now === 2) gate.resolve()
      await gate.promise
      now -= 1
      return { data: path.endsWith('status') ? { uptime: 1 } : version }
    })
    const { pve } = connect([server], { maxConcurrent: 2 })
    const states = await Promise.all(Array.from({ length: 8 }, () => pve.nodeStatus('pve')))
    expect(states).toHaveLength(8)
    expect(most).toBe(2)
  })

  it('let a storage that hangs hold up nothing else', async () => {
    await using server = await startServer(({ path }) => {
      if (path.includes('/storage/dead/')) return 'hang'
      return path.includes('/storage/')
        ? { data: { type: 'dir', active: 1, used: 5 } }
        : { data: { uptime: 7 } }
    })
    const { pve } = connect([server], { maxConcurrent: 1 })
    const controller = new AbortController()
    const asks = [1, 2, 3, 4].map(() => pve.storageStatus('pve', 'dead', controller.signal))
    expect((await pve.nodeStatus('pve')).uptime).toBe(7)
    expect(await pve.storageStatus('pve', 'local')).toMatchObject({ storage: 'local', active: true, used: 5 })
    expect(server.calls.filter((call) => call.path.includes('dead')).length).toBeLessThanOrEqual(2)
    const reason = new Error('enough')
    controller.abort(reason)
    for (const ask of await Promise.allSettled(asks))
      expect(ask).toMatchObject({ status: 'rejected', reason })
  })
})
