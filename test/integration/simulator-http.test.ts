/** How the simulated API speaks HTTP: what a client must live with on a real server. */
import { Agent, request } from 'node:https'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Pve } from '../support/pve.ts'
import { createPve } from '../support/pve.ts'
import type { Simulator } from '../support/simulator.ts'
import { startSimulator } from '../support/simulator.ts'

let simulator: Simulator
let pve: Pve
beforeAll(async () => {
  simulator = await startSimulator({ seed: 1 })
  pve = createPve(simulator.lab)
})
afterEach(async () => await simulator.reset())
afterAll(async () => await simulator?.stop())

describe('refusals', () => {
  it('puts the reason of a 401 in the status line only, after a delay', async () => {
    const began = performance.now()
    const answer = await pve.call('GET', '/version', {
      headers: { Authorization: 'PVEAPIToken=homelab@pve!desk=wrong' },
    })
    expect(answer).toMatchObject({ status: 401, reason: 'invalid token value!', body: '' })
    // 3 s at a tenth.
    expect(performance.now() - began).toBeGreaterThan(290)
  })

  it.each([
    ['without a login', {}, 'No ticket'],
    [
      'with an unknown token',
      { Authorization: 'PVEAPIToken=homelab@pve!other=x' },
      "no such token 'other' for user 'homelab@pve'",
    ],
    ['with an unknown user', { Authorization: 'PVEAPIToken=nobody@pve!x=x' }, "no such user ('nobody@pve')"],
    [
      'with a forged ticket',
      { Cookie: 'PVEAuthCookie=PVE%3Aroot%40pam%3A00000000%3A%3AAAAA' },
      'permission denied - invalid PVE ticket',
    ],
  ])('refuses a call %s', async (_, headers, reason) => {
    expect(await createPve(simulator.lab, headers).get('/version')).toMatchObject({ status: 401, reason })
  })

  it('answers logical errors with 500', async () => {
    const reasons = await Promise.all(
      [
        ['/nodes/pve/lxc/110/status/start', 'CT 110 already running'],
        ['/nodes/pve/lxc/999/status/start', "Configuration file 'nodes/pve/lxc/999.conf' does not exist"],
        ['/nodes/pve/lxc/130/status/start', "Configuration file 'nodes/pve/lxc/130.conf' does not exist"],
        [
          '/nodes/pve/qemu/110/status/start',
          "Configuration file 'nodes/pve/qemu-server/110.conf' does not exist",
        ],
        [
          '/nodes/other/lxc/110/status/start',
          "hostname lookup 'other' failed - failed to get address info for: other: Name or service not known",
        ],
      ].map(async ([path = '', reason]) => ({ answer: await pve.post(path), reason })),
    )
    for (const { answer, reason } of reasons)
      expect(answer).toMatchObject({ status: 500, reason, headers: { connection: 'close' } })
  })

  it('calls a stopped container a VM when it is to be rebooted', async () => {
    await simulator.changeGuest(112, { state: 'stopped' })
    expect(await pve.post('/nodes/pve/lxc/112/status/reboot')).toMatchObject({
      status: 500,
      reason: 'VM 112 not running',
    })
    expect(await pve.post('/nodes/pve/lxc/112/status/stop')).toMatchObject({
      status: 500,
      reason: 'CT 112 not running',
    })
    expect((await simulator.counts()).changes).toEqual({})
  })

  it('names each wrong parameter', async () => {
    const answer = await pve.post('/nodes/pve/lxc/110/status/shutdown', {
      forceStop: 'true',
      timeout: '-1',
      what: '1',
    })
    expect(answer).toMatchObject({ status: 400, reason: 'Parameter verification failed.', data: null })
    expect(answer.errors).toEqual({
      forceStop: "type check ('boolean') failed - got 'true'",
      timeout: 'value must have a minimum value of 0',
      what: 'property is not defined in schema and the schema does not allow additional properties',
    })
    expect((await pve.get('/nodes/pve/rrddata')).errors).toEqual({
      timeframe: 'property is missing and it is not optional',
    })
    expect((await pve.get('/nodes/pve/lxc/abc/config')).errors).toEqual({
      vmid: "type check ('integer') failed - got 'abc'",
    })
  })

  it('knows no other methods', async () => {
    expect(await pve.get('/nodes/pve/lxc/110/exec')).toMatchObject({
      status: 501,
      reason: "Method 'GET /nodes/pve/lxc/110/exec' not implemented",
    })
  })

  it('has a JSON message in newer versions', async () => {
    await using newer = await startSimulator({ pve: '9.0' })
    expect((await pve.get('/nodes/pve/lxc/999/config')).body).toBe('{"data":null}')
    const answer = await createPve(newer.lab).get('/nodes/pve/lxc/999/config')
    expect(JSON.parse(answer.body)).toEqual({
      data: null,
      message: "Configuration file 'nodes/pve/lxc/999.conf' does not exist\n",
    })
    expect(await createPve(newer.lab).get('/version')).toMatchObject({ data: { release: '9.0' } })
  })
})

describe('bodies', () => {
  it.each(['GET', 'DELETE'])('refuses a body on %s', async (verb) => {
    expect(await pve.call(verb, '/version', { body: 'a=1' })).toMatchObject({
      status: 501,
      reason: `Unexpected content for method '${verb}'`,
    })
  })

  it('refuses a chunked upload and one that is too large', async () => {
    const chunked = { 'Transfer-Encoding': 'chunked', 'Content-Type': 'application/x-www-form-urlencoded' }
    expect(await pve.call('POST', '/nodes/pve/lxc/110/status/reboot', { headers: chunked })).toMatchObject({
      status: 501,
      reason: 'chunked transfer encoding not supported',
    })
    const large = await pve.call('POST', '/nodes/pve/lxc/110/status/reboot', {
      body: `timeout=${'1'.repeat(512 * 1024)}`,
    })
    expect(large).toMatchObject({ status: 501, reason: 'for data too large' })
    expect((await simulator.counts()).changes).toEqual({})
  })

  it('splits a form at semicolons that are not encoded', async () => {
    const path = '/nodes/pve/lxc/111/config'
    expect(await pve.call('PUT', path, { body: 'tags=media;video' })).toMatchObject({
      status: 400,
      errors: { video: expect.stringContaining('not defined') },
    })
    expect(await pve.call('PUT', path, { body: 'tags=media%3Bvideo' })).toMatchObject({
      status: 200,
      data: null,
    })
    expect((await pve.get(path)).data).toMatchObject({ tags: 'media;video' })
  })

  it('lets the query override the body', async () => {
    await pve.call('PUT', '/nodes/pve/lxc/111/config?description=query', { body: 'description=body' })
    expect((await pve.get('/nodes/pve/lxc/111/config')).data).toMatchObject({ description: 'query' })
  })

  it('takes booleans from JSON, but not from a form', async () => {
    const json = { headers: { 'Content-Type': 'application/json' }, body: '{"onboot":true}' }
    expect(await pve.call('PUT', '/nodes/pve/lxc/111/config', json)).toMatchObject({ status: 200 })
    expect((await pve.put('/nodes/pve/lxc/111/config', { onboot: 'yes' })).status).toBe(400)
  })

  it('compresses for who asks', async () => {
    const plain = await pve.get('/cluster/resources')
    expect(plain.headers['content-encoding']).toBeUndefined()
    const zipped = await new Promise<Buffer>((resolve, reject) => {
      const headers = {
        Authorization: `PVEAPIToken=${simulator.lab.token.id}=${simulator.lab.token.secret}`,
        'Accept-Encoding': 'gzip',
      }
      request(
        `${simulator.lab.pve}/api2/json/cluster/resources`,
        { ca: simulator.lab.ca, headers },
        (response) => {
          const chunks: Buffer[] = []
          response
            .on('data', (chunk: Buffer) => chunks.push(chunk))
            .once('end', () => resolve(Buffer.concat(chunks)))
        },
      )
        .once('error', reject)
        .end()
    })
    expect(JSON.parse(gunzipSync(zipped).toString())).toEqual(JSON.parse(plain.body))
  })
})

describe('connections', () => {
  it('keeps one for a hundred requests', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      const before = (await simulator.counts()).connections
      for (let call = 1; call <= 101; call += 1) {
        const answer = await pve.call('GET', '/version', { agent })
        expect(answer.headers.connection).toBe(call === 100 ? 'close' : 'Keep-Alive')
      }
      expect((await simulator.counts()).connections - before).toBe(2)
    } finally {
      agent.destroy()
    }
  })

  it('closes one that was idle for five seconds, and does not announce that', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      const answer = await pve.call('GET', '/version', { agent })
      expect(answer.headers['keep-alive']).toBeUndefined()
      const [socket] = Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])
      const began = performance.now()
      await new Promise((resolve) => socket?.once('close', resolve))
      expect(performance.now() - began).toBeGreaterThan(4_500)
      expect(performance.now() - began).toBeLessThan(6_500)
    } finally {
      agent.destroy()
    }
  })

  it('shows a certificate of its own authority, which changes when it is renewed', async () => {
    const fingerprint = (): Promise<string> =>
      new Promise((resolve, reject) => {
        request(
          simulator.lab.pve,
          { ca: simulator.lab.ca, agent: new Agent({ maxCachedSessions: 0 }) },
          (response) => {
            const { socket } = response
            resolve(
              'getPeerX509Certificate' in socket
                ? String(Object(socket).getPeerX509Certificate().fingerprint256)
                : '',
            )
            response.resume()
          },
        )
          .once('error', reject)
          .end()
      })
    expect(await fingerprint()).toBe(simulator.lab.fingerprint)
    const renewed = await simulator.renewCertificate()
    expect(renewed).not.toBe(simulator.lab.fingerprint)
    expect(await fingerprint()).toBe(renewed)
  })
})

describe('tickets', () => {
  const login = async (password: string) =>
    await createPve(simulator.lab, {}).post('/access/ticket', { username: simulator.lab.user.name, password })
  const field = (data: unknown, name: string): string => String(Object(data)[name])

  it('reads with a ticket, and writes with its CSRF token too', async () => {
    const { data } = await login(simulator.lab.user.password)
    const Cookie = `PVEAuthCookie=${encodeURIComponent(field(data, 'ticket'))}`
    const reader = createPve(simulator.lab, { Cookie })
    expect(await reader.get('/version')).toMatchObject({ status: 200 })
    expect(await reader.post('/nodes/pve/lxc/110/status/reboot')).toMatchObject({
      status: 401,
      reason: 'Permission denied - invalid csrf token',
    })
    const writer = createPve(simulator.lab, {
      Cookie,
      CSRFPreventionToken: field(data, 'CSRFPreventionToken'),
    })
    expect(await writer.post('/nodes/pve/lxc/110/status/reboot')).toMatchObject({
      status: 200,
      data: expect.stringMatching(/:vzreboot:110:root@pam:$/),
    })
  })

  it('renews with the ticket as the password, until two hours are over', async () => {
    const first = field((await login(simulator.lab.user.password)).data, 'ticket')
    await simulator.fault({ clockMs: 110 * 60_000 })
    const second = field((await login(first)).data, 'ticket')
    expect(second).toMatch(/^PVE:root@pam:[0-9A-F]{8}::/)
    await simulator.fault({ clockMs: 130 * 60_000 })
    expect(await login(first)).toMatchObject({ status: 401, reason: 'authentication failure' })
    expect(
      await createPve(simulator.lab, { Cookie: `PVEAuthCookie=${encodeURIComponent(second)}` }).get(
        '/version',
      ),
    ).toMatchObject({ status: 200 })
  })

  it('has the clock in its Date header', async () => {
    await simulator.fault({ clockMs: 86_400_000 })
    const { headers } = await pve.get('/version')
    expect(Date.parse(String(headers.date)) - Date.now()).toBeGreaterThan(86_390_000)
  })
})
