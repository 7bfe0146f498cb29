import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Clock, Secret } from '@homelab/core'
import { createHttp } from '@homelab/core/node'
import { expect, test } from 'vitest'
import { startOwnPing } from './ping.ts'
import type { Finding } from './types.ts'

const MINUTE = 60_000

/** Somebody who waits for pings, and a clock that stands until the test lets a minute pass. */
async function world() {
  const state = { status: 200, calls: 0, keeps: true, has: true, alive: 0 }
  const server = createServer((request, response) => {
    if (request.url === '/ping/secret-path') state.calls += 1
    response.writeHead(state.status).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  let passed = 0
  let asleep = Promise.withResolvers<void>()
  let wake = Promise.withResolvers<void>()
  const clock: Clock = {
    now: () => new Date(passed),
    monotonic: () => passed,
    sleep(ms, signal) {
      asleep.resolve()
      const woken = wake.promise.then(() => {
        passed += ms
      })
      const ended = new Promise<never>((_, reject) =>
        signal?.addEventListener('abort', () => reject(signal.reason as Error)),
      )
      return Promise.race([woken, ended])
    },
  }
  const findings: Finding[] = []
  const logged: string[] = []
  const log = (fields: object, text: string) => void logged.push(`${text} ${JSON.stringify(fields)}`)
  const http = createHttp()
  const ping = startOwnPing({
    settings: () => (state.has ? { url: { from: 'env', name: 'PING' }, every: MINUTE } : undefined),
    secrets: {
      resolve: () =>
        Promise.resolve(
          new Secret(`http://127.0.0.1:${(server.address() as AddressInfo).port}/ping/secret-path`),
        ),
    },
    http,
    aliveAt: () => new Date(passed - state.alive),
    facts: {
      get: () => undefined,
      set: () => (state.keeps ? Promise.resolve() : Promise.reject(new Error('disk full'))),
    },
    report: (finding) => findings.push(finding),
    clock,
    log: { warn: log, error: log },
  })
  await asleep.promise
  return {
    state,
    findings,
    logged,
    async rounds(count: number) {
      for (let round = 0; round < count; round += 1) {
        asleep = Promise.withResolvers()
        const before = wake
        wake = Promise.withResolvers()
        before.resolve()
        await asleep.promise
      }
    },
    async [Symbol.asyncDispose]() {
      await ping.stop()
      await http.close()
      server.closeAllConnections()
      server.close()
    },
  }
}

test('calls while all is well with us', async () => {
  await using bench = await world()
  const { state, rounds, logged } = bench
  await rounds(3)
  expect(state.calls).toBe(4)
  expect(logged).toEqual([])
})

test('does not call when the incidents stand still, or the store takes nothing', async () => {
  await using bench = await world()
  const { state, rounds, logged } = bench
  state.alive = 2 * MINUTE + 1
  await rounds(3)
  expect(state.calls).toBe(1)
  expect(logged).toEqual([expect.stringContaining('the incidents have not been worked at for 2 min')])
  state.alive = 1_000
  await rounds(1)
  expect(state.calls).toBe(2)
  state.keeps = false
  await rounds(2)
  expect(state.calls).toBe(2)
  expect(logged[1]).toContain('disk full')
})

test('ten failures in a row are told once, without the address, and that it is over', async () => {
  await using bench = await world()
  const { state, rounds, findings, logged } = bench
  const states = () => findings.map((finding) => finding.state)
  // At the first success it is said once: nobody knows what was told before.
  expect(states()).toEqual(['resolved'])
  state.status = 500
  await rounds(9)
  expect(states()).toEqual(['resolved'])
  await rounds(5)
  expect(states()).toEqual(['resolved', 'firing'])
  expect(findings[1]).toMatchObject({
    severity: 'info',
    text: expect.stringContaining('status 500') as string,
  })
  state.status = 204
  await rounds(2)
  expect(states()).toEqual(['resolved', 'firing', 'resolved'])
  expect(JSON.stringify([findings, logged])).not.toContain('secret-path')
})

test('is over when it is not in the file any more', async () => {
  await using bench = await world()
  const { state, rounds, findings } = bench
  state.status = 404
  await rounds(12)
  state.has = false
  await rounds(2)
  expect(findings.map((finding) => finding.state)).toEqual(['resolved', 'firing', 'resolved'])
})
