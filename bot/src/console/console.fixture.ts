/** A console on the fixture desk, and a browser's manners for tests that speak HTTP. */
import type { Caller, RunView } from '@homelab/core'
import { createFixtureDesk } from '../api/desk.fixture.ts'
import { createConsole } from './console.ts'
import type { ConsoleOptions, Glance } from './types.ts'

export const caller: Caller = { id: 'console:local', name: 'you', role: 'admin', surface: 'chat' }

export const glance: Glance = {
  nodes: [{ node: 'pve', status: 'online', cpu: 0.23, mem: 21e9, maxmem: 32e9 }],
  storages: [
    { name: 'tesla', used: 6e11, total: 1e12, warn: 80, crit: 90, problems: [] },
    {
      name: 'Apollo',
      used: 40e12,
      total: 44e12,
      warn: 80,
      crit: 90,
      problems: [{ severity: 'error', text: 'RAID degraded' }],
    },
  ],
  services: [
    { name: 'plex', stack: 'media', guest: 'running', health: 'up', detail: 'HTTP 200 in 12 ms' },
    { name: 'sonarr', stack: 'media', guest: 'stopped', health: 'down', detail: 'no answer' },
    { name: 'immich', stack: 'apps', guest: 'running', health: 'down', detail: 'connection refused' },
  ],
  problems: [
    { severity: 'error', what: 'immich', text: 'connection refused', command: 'restart immich' },
    { severity: 'error', what: 'sonarr', text: 'stopped', command: 'start sonarr' },
  ],
}

export const run: RunView = {
  id: 'run-1',
  operation: 'service.restart',
  title: 'Restart plex',
  input: {},
  caller: { id: 'console:local', name: 'you' },
  state: 'running',
  createdAt: '2026-11-23T10:00:00.000Z',
  startedAt: '2026-11-23T10:00:01.000Z',
  progress: { text: 'Waiting for the guest', done: 3, total: 9, unit: 'items' },
}

export function startConsole(changes: Partial<ConsoleOptions> = {}, pace = 2) {
  const desk = createFixtureDesk(pace)
  const bugs: unknown[] = []
  const app = createConsole({
    desk,
    caller,
    about: { version: '0.1.0', mode: 'bot', lab: 'home' },
    login: { kind: 'loopback' },
    glance: async () => glance,
    commands: () => [],
    runs: {
      list: async () => [run],
      get: async (id) => (id === run.id ? run : undefined),
      log: async () => [{ at: '2026-11-23T10:00:02.000Z', text: 'reboot sent' }],
      cancel: async () => ({ ...run, state: 'cancelling' }),
    },
    onBug: (error) => bugs.push(error),
    ...changes,
  })
  let cookie = ''
  let csrf = ''

  async function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    const response = await app.request(path, { headers: { host: 'localhost:8787', cookie, ...headers } })
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie
    return response
  }

  /** As a browser sends a form of one of our pages, unless told otherwise. */
  async function post(
    path: string,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const response = await app.request(path, {
      method: 'POST',
      body: new URLSearchParams({ csrf, ...fields }).toString(),
      headers: {
        host: 'localhost:8787',
        origin: 'http://localhost:8787',
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded',
        cookie,
        ...headers,
      },
    })
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie
    return response
  }

  /** Opens the desk, as everybody does first. */
  async function open(): Promise<string> {
    const page = await (await get('/')).text()
    csrf = /name="csrf" content="([^"]+)"/.exec(page)?.[1] ?? ''
    return page
  }

  return { app, desk, bugs, get, post, open }
}
