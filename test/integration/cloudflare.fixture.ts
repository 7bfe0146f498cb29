/** What the tests of Cloudflare's client have in common: one simulator a file, a client a test, and a clock that never waits. */
import { type Clock, HomelabError, Secret } from '@homelab/core'
import { createSsh, type Ssh } from '@homelab/core/node'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { type Client, type CloudflarePeer, cloudflareClient, cloudflarePeer } from '../support/cloudflare.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

/** Sleeps take no time, and it can be set ahead. */
export function quickClock(): Clock & { ahead: number } {
  const clock = {
    ahead: 0,
    now: () => new Date(Date.now() + clock.ahead),
    monotonic: () => performance.now() + clock.ahead,
    sleep: async (ms: number) => {
      clock.ahead += ms
    },
  }
  return clock
}

export async function failure(work: Promise<unknown>): Promise<HomelabError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(HomelabError)
  return error as HomelabError
}

export interface CloudflareFixture {
  readonly simulator: Simulator
  readonly lab: Simulator['lab']['cloudflare']
  readonly peer: CloudflarePeer
  /** A client with a quick clock, which ends with the test. */
  open(options?: Parameters<typeof cloudflareClient>[1]): Client
}

/** To be called at the top of a file; what it returns is there while tests run. */
export function useCloudflare(): () => CloudflareFixture {
  let simulator: Simulator
  const opened: Client[] = []
  beforeAll(async () => {
    simulator = await startSimulator({ seed: 1 })
  })
  beforeEach(() => simulator.reset())
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((client) => client[Symbol.asyncDispose]()))
  })
  afterAll(() => simulator.stop())
  return () => ({
    simulator,
    lab: simulator.lab.cloudflare,
    peer: cloudflarePeer(simulator),
    open(options = {}) {
      const client = cloudflareClient(simulator, { clock: quickClock(), ...options })
      opened.push(client)
      return client
    },
  })
}

/** The node `pve` by SSH, whose `pct exec 104` is the container that cloudflared runs in. */
export function sshOf({ lab }: Simulator): Ssh & AsyncDisposable {
  const { host, port, user, privateKey, hostKey } = lab.ssh
  const ssh = createSsh({
    hosts: {
      pve: {
        host,
        port,
        user,
        auth: { privateKey: new Secret(privateKey) },
        hostKey: { fingerprint: hostKey },
      },
    },
  })
  return Object.assign(ssh, { [Symbol.asyncDispose]: async () => ssh.close() })
}
