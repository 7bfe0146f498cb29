/** Files that freeze Traefik: core says of each what the Traefik of the lab, which shares no code with it, does with it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
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

const router = '    a: {rule: "Host(`a.example.org`)", service: a}\n'
const fine = `http:\n  routers:\n${router}  services:\n    a: {loadBalancer: {servers: [{url: "http://10.0.0.1"}]}}\n`
const radarr = () => routeTo(simulator.lab, 'radarr')

describe.each([
  ['an empty section', 'http:\n  routers: {}\n', 'routers cannot be a standalone element'],
  ['nothing in http', 'http: {}\n', 'http cannot be a standalone element'],
  ['a middleware section without one', `${fine}  middlewares: {}\n`, 'middlewares cannot be a standalone'],
  [
    'a balancer of nothing',
    'http:\n  services:\n    a: {loadBalancer: {}}\n',
    'loadBalancer cannot be a standalone',
  ],
  ['half a file', fine.slice(0, fine.indexOf('service: a}')), 'yaml'],
  ['a tab', 'http:\n\trouters: 1\n', 'yaml'],
  ['a key twice', `http:\n  routers:\n${router}${router}`, 'yaml'],
  [
    'a slip of the fingers',
    fine.replace('service: a}', 'service: a, entryPoint: [web]}'),
    'field not found, node: entryPoint',
  ],
  ['a list of routers', 'http:\n  routers:\n    - {rule: x}\n', 'field not found'],
  ['no map at all', '- http\n', 'yaml'],
])('%s', (_, text, said) => {
  test('freezes the directory, is named, and lets go when it is mended', async () => {
    const { traefik } = on
    await simulator.traefikFiles({ 'mine.yml': text })
    await simulator.waitFor(
      { kind: 'traefik', what: 'refused', text: `~mine.yml: .*${said}` },
      { after: since },
    )
    const bad = (await traefik.files()).filter(({ freezes }) => freezes)
    expect(bad.map(({ path }) => path)).toEqual(['/etc/traefik/conf.d/mine.yml'])
    await expect(traefik.put(radarr())).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/^Traefik takes no change .* \/etc\/traefik\/conf\.d\/mine\.yml: ./),
    })
    expect(await traefik.read('homelab-radarr')).toBeUndefined()
    // What was there works on.
    expect((await visit(simulator.lab.traefik.web, 'jellyfin.harmeetrai.com')).status).toBe(200)
    await simulator.traefikFiles({ 'mine.yml': fine })
    await traefik.put(radarr())
    await traefik.wait(radarr())
  })
})

test.each([
  ['a file of remarks', '# nothing\n'],
  ['an empty document', '{}\n'],
  ['a section of its own', 'x-notes: {}\n'],
  ['small letters', fine.replace('service: a}', 'service: a, entrypoints: [web], TLS: {}}')],
  ['a router to nothing', fine.replace('service: a}', 'service: b}')],
  ['two documents', `${fine}---\n- x\n`],
])('%s freezes nothing', async (_, text) => {
  await simulator.traefikFiles({ 'mine.yml': text })
  expect((await on.traefik.files()).filter(({ freezes }) => freezes)).toEqual([])
  await on.traefik.put(radarr())
  await on.traefik.wait(radarr())
})

test('a file that freezes Traefik after ours was written is what the wait names', async () => {
  await simulator.fault({ traefikDeaf: true })
  await on.traefik.put(radarr())
  await simulator.traefikFiles({ 'late.yml': 'http: {}\n' })
  await using impatient = onTraefik(simulator.lab, { impatient: true })
  await expect(impatient.traefik.wait(radarr())).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('/etc/traefik/conf.d/late.yml'),
  })
  await on.traefik.remove('homelab-radarr')
  expect(await on.traefik.read('homelab-radarr')).toBeUndefined()
})

test('a file of ours that somebody has broken is written anew', async () => {
  const jellyfin = routeTo(simulator.lab, 'jellyfin')
  const text = (await on.traefik.read(jellyfin.name)) ?? ''
  await simulator.traefikFiles({ 'homelab-jellyfin.yml': text.replace('routers:', 'routers: {') })
  await on.traefik.put(jellyfin)
  expect(await on.traefik.read(jellyfin.name)).toBe(text)
  await on.traefik.wait(jellyfin)
})

test('only the log tells, and `journalctl` has it', async () => {
  await simulator.traefikFiles({ 'mine.yml': 'http: {}\n' })
  await simulator.waitFor({ kind: 'traefik', what: 'refused' }, { after: since })
  const { stdout } = await on.shell.exec(['journalctl', '-u', 'traefik', '-n', '5', '-o', 'cat'])
  expect(stdout).toContain(
    'collecting file configs: /etc/traefik/conf.d/mine.yml: http cannot be a standalone element (type *dynamic.HTTPConfiguration)',
  )
  const { routers } = await simulator.traefik()
  expect(routers.filter(({ status }) => status !== 'enabled')).toEqual([])
})
