/** Routes through the real SSH of the simulated lab to its Traefik, and what that says of them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TransportError } from '../../core/src/errors.ts'
import type { Shell } from '../../core/src/ports.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { type OnTraefik, onTraefik, routeTo, visit } from '../support/traefik.ts'

let simulator: Simulator
let on: OnTraefik
let since: number
beforeAll(async () => {
  simulator = await startSimulator({ seed: 1 })
})
beforeEach(async () => {
  on = onTraefik(simulator.lab)
  since = await simulator.mark()
})
afterEach(async () => {
  await on[Symbol.asyncDispose]()
  await simulator.reset()
})
afterAll(async () => await simulator?.stop())

const folder = () => join(simulator.lab.traefik.root, simulator.lab.traefik.directory)
const there = () => readdirSync(folder()).toSorted()
const textOf = (name: string) => readFileSync(join(folder(), name), 'utf8')
const seven = [
  ...['homelab-immich.yml', 'homelab-jellyfin.yml', 'homelab-n8n.yml', 'homelab-plex.yml'],
  ...['monitoring.yaml', 'nextcloud.yml', 'vault.yml'],
]
const radarr = () => routeTo(simulator.lab, 'radarr')
const loaded = async () => (await simulator.traefik()).routers.map(({ name }) => name)

describe('what there is', () => {
  test('the API tells routers, services, entry points and middlewares', async () => {
    const { traefik } = on
    expect(await traefik.version()).toBe('3.3.4')
    expect(await traefik.entryPoints()).toEqual([
      { name: 'traefik', address: ':8080' },
      { name: 'web', address: ':80' },
      { name: 'websecure', address: ':443' },
    ])
    const routers = await traefik.routers()
    expect(
      routers.filter(({ provider }) => provider === 'file').map(({ hostnames }) => hostnames[0]),
    ).toEqual(
      expect.arrayContaining(
        ['plex', 'jellyfin', 'immich', 'nextcloud', 'n8n', 'grafana', 'vault'].map(
          (n) => `${n}.harmeetrai.com`,
        ),
      ),
    )
    expect(routers.find(({ name }) => name === 'vault@file')).toEqual({
      name: 'vault@file',
      provider: 'file',
      rule: 'Host(`vault.harmeetrai.com`)',
      status: 'enabled',
      errors: [],
      entryPoints: ['web'],
      service: 'vault',
      middlewares: ['secure-headers@file'],
      tls: false,
      hostnames: ['vault.harmeetrai.com'],
    })
    const { plex } = simulator.lab.services
    const url = `http://127.0.0.1:${plex?.port}`
    expect((await traefik.services()).find(({ name }) => name === 'homelab-plex@file')).toEqual({
      name: 'homelab-plex@file',
      provider: 'file',
      status: 'enabled',
      errors: [],
      servers: [{ url, status: 'UP' }],
    })
    expect(await traefik.middlewares()).toEqual([
      { name: 'nextcloud-dav@file', provider: 'file', type: 'redirectregex', status: 'enabled', errors: [] },
      { name: 'secure-headers@file', provider: 'file', type: 'headers', status: 'enabled', errors: [] },
    ])
  })

  test('every page of it', async () => {
    const many = Array.from(
      { length: 1_200 },
      (_, n) => `    r${n}: {rule: "Host(\`h${n}.example.org\`)", service: s}`,
    )
    const services = '  services:\n    s: {loadBalancer: {servers: [{url: "http://127.0.0.1:9"}]}}\n'
    await simulator.traefikFiles({ 'many.yml': `http:\n  routers:\n${many.join('\n')}\n${services}` })
    await simulator.waitFor({ kind: 'traefik', what: 'loaded', text: '~r1199' }, { after: since })
    const routers = await on.traefik.routers()
    expect(routers.filter(({ service }) => service === 's')).toHaveLength(1_200)
    expect(new Set(routers.map(({ name }) => name)).size).toBe(routers.length)
  })

  test('the directory, with what a person has left in it', async () => {
    await simulator.traefikFiles({
      'old.toml': '[http.routers.old]\nrule = "Host(`old.example.org`)"\n',
      'notes.txt': 'http: [',
      'deeper/more.yml': 'http:\n  routers:\n    more: {rule: "Host(`more.example.org`)", service: vault}\n',
    })
    const files = await on.traefik.files()
    expect(files.map(({ path }) => path.replace('/etc/traefik/conf.d/', ''))).toEqual(
      ['deeper/more.yml', ...seven, 'old.toml'].toSorted(),
    )
    const of = (name: string) => files.find((file) => file.name === name)
    expect(of('homelab-jellyfin')).toMatchObject({ ours: true, route: routeTo(simulator.lab, 'jellyfin') })
    expect(of('homelab-jellyfin')).not.toHaveProperty('problem')
    expect(of('vault')).toMatchObject({
      ours: false,
      hostnames: ['vault.harmeetrai.com'],
      text: textOf('vault.yml'),
    })
    expect(of('old')).toMatchObject({ problem: 'is TOML: not looked into', hostnames: ['old.example.org'] })
    expect(files.filter(({ freezes }) => freezes)).toEqual([])
  })

  test('a directory that is not there is a setting to correct', async () => {
    await using lost = onTraefik(simulator.lab, { directory: '/etc/traefik/dynamic' })
    await expect(lost.traefik.files()).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('/etc/traefik/dynamic'),
      hint: expect.stringContaining('network.traefik.directory'),
    })
  })
})

describe('a route', () => {
  test('is put, taken, and leads to its backend', async () => {
    await on.traefik.put(radarr())
    const router = await on.traefik.wait(radarr())
    expect(router).toMatchObject({ name: 'homelab-radarr@file', status: 'enabled' })
    expect(await visit(simulator.lab.traefik.web, 'radarr.harmeetrai.com')).toEqual({
      status: 200,
      body: '<!DOCTYPE html><title>Radarr</title>\n',
    })
    expect(there()).toEqual([...seven, 'homelab-radarr.yml'].toSorted())
  })

  test('that is there already is not written again, whoever wrote it first', async () => {
    const programs: string[] = []
    await using seen = onTraefik(simulator.lab, {
      shell: (shell) => ({
        exec: async (argv, options) => {
          programs.push(argv[0] ?? '')
          return await shell.exec(argv, options)
        },
      }),
    })
    await seen.traefik.put(routeTo(simulator.lab, 'jellyfin'))
    expect(programs).toEqual(['find'])
    await seen.traefik.put(radarr())
    expect(programs).toEqual(['find', 'find', 'tee', 'mv'])
    await seen.traefik.put(radarr())
    expect(programs).toEqual(['find', 'find', 'tee', 'mv', 'find'])
  })

  test('changes, and goes back to what it was', async () => {
    const { traefik } = on
    const jellyfin = routeTo(simulator.lab, 'jellyfin')
    const before = await traefik.read(jellyfin.name)
    const elsewhere = { ...jellyfin, service: radarr().service }
    await traefik.put(elsewhere)
    await traefik.wait(elsewhere)
    expect((await visit(simulator.lab.traefik.web, jellyfin.hostname)).body).toContain('Radarr')
    await traefik.restore(jellyfin.name, before)
    await traefik.wait(jellyfin)
    expect((await visit(simulator.lab.traefik.web, jellyfin.hostname)).body).toContain('Jellyfin')
    expect(textOf('homelab-jellyfin.yml')).toBe(before)
  })

  test('is taken away, and nothing else with it', async () => {
    await on.traefik.remove('homelab-jellyfin')
    await on.traefik.gone('homelab-jellyfin')
    await on.traefik.remove('homelab-jellyfin')
    expect(there()).toEqual(seven.filter((name) => name !== 'homelab-jellyfin.yml'))
    expect(await visit(simulator.lab.traefik.web, 'jellyfin.harmeetrai.com')).toEqual({
      status: 404,
      body: '404 page not found\n',
    })
  })

  test('whose backend is down is a bad gateway', async () => {
    await simulator.fault({ broken: { jellyfin: 'refused' } })
    expect(await visit(simulator.lab.traefik.web, 'jellyfin.harmeetrai.com')).toEqual({
      status: 502,
      body: 'Bad Gateway',
    })
    // Traefik itself believes in it.
    const services = await on.traefik.services()
    expect(services.find(({ name }) => name === 'homelab-jellyfin@file')?.servers[0]?.status).toBe('UP')
  })

  test('that Traefik has and does not route is an error with its own words', async () => {
    const wrong = { ...radarr(), entryPoints: ['web', 'intern'] }
    await on.traefik.put(wrong)
    await expect(on.traefik.wait(wrong)).rejects.toMatchObject({
      code: 'failed',
      message: 'Traefik does not route homelab-radarr@file: entryPoint "intern" doesn\'t exist.',
    })
    const unguarded = { ...radarr(), middlewares: ['auth@file'] }
    await on.traefik.put(unguarded)
    await expect(on.traefik.wait(unguarded)).rejects.toMatchObject({
      message: expect.stringContaining('middleware "auth@file" does not exist'),
    })
    await on.traefik.restore(wrong.name, undefined)
    await on.traefik.gone(wrong.name)
    expect(there()).toEqual(seven)
  })
})

describe('what is not ours', () => {
  test('is never changed, put back or removed', async () => {
    const text = 'http:\n  routers:\n    mine: {rule: "Host(`radarr.example.org`)", service: vault}\n'
    await simulator.traefikFiles({ 'homelab-radarr.yml': text })
    const refusal = {
      code: 'conflict',
      message: expect.stringContaining('homelab-radarr.yml was not made by homelab'),
    }
    await expect(on.traefik.put(radarr())).rejects.toMatchObject(refusal)
    await expect(on.traefik.remove('homelab-radarr')).rejects.toMatchObject(refusal)
    const ours = await on.traefik.read('homelab-jellyfin')
    await expect(on.traefik.restore('homelab-radarr', ours)).rejects.toMatchObject(refusal)
    expect(textOf('homelab-radarr.yml')).toBe(text)
  })

  test('may have a router of this name: it would be left out, and is named', async () => {
    await simulator.traefikFiles({
      'a.yml': 'http:\n  routers:\n    homelab-radarr: {rule: "Host(`r.example.org`)", service: vault}\n',
    })
    await expect(on.traefik.put(radarr())).rejects.toMatchObject({
      code: 'conflict',
      message: '/etc/traefik/conf.d/a.yml has a router homelab-radarr already.',
    })
    expect(there()).not.toContain('homelab-radarr.yml')
  })

  test('no name leads out of the directory', async () => {
    for (const name of ['../traefik', 'homelab-/../../x', '/etc/passwd', '-rf', 'vault'])
      for (const act of [() => on.traefik.remove(name), () => on.traefik.read(name)])
        await expect(act()).rejects.toMatchObject({ code: 'usage' })
    expect(there()).toEqual(seven)
  })
})

describe('when it goes wrong on the way', () => {
  /** The connection is lost at the first command that begins so, before it is run. */
  const losing =
    (program: string) =>
    (shell: Shell): Shell => {
      let lost = false
      return {
        exec: async (argv, options) => {
          if (argv[0] !== program || lost) return await shell.exec(argv, options)
          lost = true
          throw new TransportError('the connection was lost', true)
        },
      }
    }

  test('between the text and its place: no half route, and the next try is a whole one', async () => {
    await using cut = onTraefik(simulator.lab, { shell: losing('mv') })
    await expect(cut.traefik.put(radarr())).rejects.toMatchObject({ code: 'unreachable' })
    expect(there()).toEqual([...seven, '.homelab-radarr.yml.tmp'].toSorted())
    expect(await cut.traefik.read('homelab-radarr')).toBeUndefined()
    expect((await cut.traefik.files()).map(({ name }) => name)).not.toContain('.homelab-radarr.yml')
    expect(await loaded()).not.toContain('homelab-radarr@file')
    await cut.traefik.put(radarr())
    await cut.traefik.wait(radarr())
    expect(there()).toEqual([...seven, 'homelab-radarr.yml'].toSorted())
  })

  test('a text that was cut on its way is not put in place', async () => {
    const short = (shell: Shell): Shell => ({
      exec: async (argv, options) =>
        await shell.exec(argv, {
          ...options,
          ...(argv[0] === 'tee' ? { stdin: String(options?.stdin).slice(0, 100) } : {}),
        }),
    })
    await using cut = onTraefik(simulator.lab, { shell: short })
    await expect(cut.traefik.put(radarr())).rejects.toMatchObject({ code: 'failed' })
    expect(there()).toEqual(seven)
  })

  test('the container does not run', async () => {
    await simulator.changeGuest(101, { state: 'stopped' })
    await expect(on.traefik.put(radarr())).rejects.toMatchObject({
      code: 'conflict',
      message: 'traefik (CT 101) is not running',
    })
    await expect(on.traefik.routers()).rejects.toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining('guest show traefik'),
    })
    expect(there()).toEqual(seven)
  })

  test('it comes back with the routes of its directory', async () => {
    await simulator.changeGuest(101, { state: 'stopped' })
    await simulator.changeGuest(101, { state: 'running' })
    await on.traefik.wait(routeTo(simulator.lab, 'jellyfin'))
    expect((await visit(simulator.lab.traefik.web, 'jellyfin.harmeetrai.com')).status).toBe(200)
  })

  test('the API is away while Traefik routes', async () => {
    await simulator.fault({ traefikApiDown: true })
    await on.traefik.put(radarr())
    await using impatient = onTraefik(simulator.lab, { impatient: true })
    await expect(impatient.traefik.wait(radarr())).rejects.toMatchObject({ code: 'unreachable' })
    await simulator.fault({ traefikApiDown: false })
    await on.traefik.wait(radarr())
  })

  test('it takes its time', async () => {
    await simulator.fault({ traefikReloadMs: 400 })
    await on.traefik.put(radarr())
    await on.traefik.wait(radarr())
    expect(await loaded()).toContain('homelab-radarr@file')
  })

  test('it never takes it: said after 10 s, and put back', async () => {
    await simulator.fault({ traefikDeaf: true })
    await on.traefik.put(radarr())
    await using impatient = onTraefik(simulator.lab, { impatient: true })
    await expect(impatient.traefik.wait(radarr())).rejects.toMatchObject({
      code: 'timeout',
      message: 'Traefik has not taken radarr.harmeetrai.com after 10 s.',
      hint: expect.stringContaining('providers.file.directory'),
    })
    await on.traefik.restore('homelab-radarr', undefined)
    expect(there()).toEqual(seven)
    expect(await loaded()).not.toContain('homelab-radarr@file')
  })

  test('a wait that is called off ends at once', async () => {
    await simulator.fault({ traefikDeaf: true })
    const stop = new AbortController()
    const waited = on.traefik.wait(radarr(), stop.signal)
    stop.abort(new Error('called off'))
    await expect(waited).rejects.toThrow('called off')
  })
})
