/** Editing a tunnel's rules while somebody else writes them at each moment, and when the answer of the write is lost. */
import { HomelabError } from '@homelab/core'
import {
  type Cloudflare,
  editIngress,
  type IngressEdit,
  type IngressRule,
  type Judge,
  ruleName,
  withoutRule,
  withRule,
} from '@homelab/core/cloudflare'
import { createNetwork } from '@homelab/core/tunnel'
import { describe, expect, test } from 'vitest'
import { ingressOf } from '../../core/src/tunnel/ingress.ts'
import { failure, quickClock, useCloudflare } from './cloudflare.fixture.ts'

const now = useCloudflare()
const peer = () => now().peer
const tunnel = () => now().lab.tunnel
const host = (label: string) => `${label}.${now().lab.domain}`
const rule = (label: string, more: IngressRule = {}): IngressRule => ({
  hostname: host(label),
  service: 'http://192.168.1.101:80',
  ...more,
})
const theirs = () => rule('theirs', { service: 'http://192.168.1.9:1' })

const edit = (change: IngressEdit['edit'], options: Partial<IngressEdit> = {}) =>
  editIngress({
    cloudflare: now().open().cloudflare,
    tunnel: tunnel(),
    clock: quickClock(),
    edit: change,
    ...options,
  })
const expose = (label = 'radarr', options: Partial<IngressEdit> = {}) =>
  edit((rules) => withRule(rules, rule(label)).rules, options)
const configurationNow = async () => (await peer().state()).tunnels[0]
const namesNow = async () => ((await configurationNow())?.config?.ingress ?? []).map(ruleName)
/** GETs and PUTs of the rules. */
async function calls(): Promise<{ get: number; put: number }> {
  const path = `/accounts/${now().lab.account}/cfd_tunnel/${tunnel()}/configurations`
  const counted = await peer().calls()
  return { get: counted[`GET ${path}`] ?? 0, put: counted[`PUT ${path}`] ?? 0 }
}
const SEVEN = ['plex', 'jellyfin', 'immich', 'nextcloud', 'n8n', 'grafana', 'vault']
const seven = () => SEVEN.map(host)

describe('alone', () => {
  test('a rule is added: two looks, one write, one look; what was there stays', async () => {
    const edited = await expose()
    expect(await namesNow()).toEqual([...seven(), host('radarr'), 'everything else'])
    expect(edited).toMatchObject({ changed: true, version: 2, removed: [] })
    expect(edited.added).toEqual([rule('radarr')])
    expect(edited.before).toHaveLength(8)
    expect(edited.alarm).toBeUndefined()
    expect(await calls()).toEqual({ get: 3, put: 1 })
  })

  test('what is already there is one look and no write', async () => {
    expect(await expose('jellyfin')).toMatchObject({ changed: false, version: 1 })
    expect(await calls()).toEqual({ get: 1, put: 0 })
  })

  test('a rule is taken out; the last one stays the last', async () => {
    const edited = await edit((rules) => SEVEN.reduce((left, label) => withoutRule(left, host(label)), rules))
    expect(edited.removed.map(ruleName)).toEqual(seven())
    expect(await namesNow()).toEqual(['everything else'])
  })

  test('keys that nobody here knows, and foreign rules, come through as they were', async () => {
    const config = {
      'warp-routing': { enabled: true },
      future: { nested: [1, { a: null }] },
      originRequest: { connectTimeout: 7 },
      ingress: [
        {
          hostname: host('foreign'),
          service: 'ssh://10.0.0.1:22',
          originRequest: { new: { key: 'x' } },
          id: '9',
        },
        { hostname: `*.${host('wild')}`, path: '^/a', service: 'http://10.0.0.2', extra: [1, 2] },
        { service: 'http_status:503' },
      ],
    }
    await peer().post('tunnel', { config })
    await expose()
    await edit((rules) => withoutRule(rules, host('radarr')))
    expect((await configurationNow())?.config).toEqual(config)
  })

  test('a tunnel that has no rules yet gets one for everything else', async () => {
    const { id } = await peer().post<{ id: string }>('tunnels', { name: 'new' })
    const edited = await expose('radarr', { tunnel: id })
    expect(edited.rules).toEqual([rule('radarr'), { service: 'http_status:404' }])
    expect(edited.alarm).toBeUndefined()
  })

  test('what Cloudflare refuses changes nothing', async () => {
    const error = await failure(edit((rules) => [{ hostname: host('x'), service: 'nonsense' }, ...rules]))
    expect(error).toMatchObject({ code: 'failed', data: { codes: [1056] } })
    expect(await namesNow()).toEqual([...seven(), 'everything else'])
  })

  test('a cancelled one writes nothing', async () => {
    const abort = new AbortController()
    const stopped = edit(
      (rules) => {
        abort.abort(new Error('stop'))
        return withRule(rules, rule('radarr')).rules
      },
      { signal: abort.signal },
    )
    await expect(stopped).rejects.toThrow('stop')
    expect(await calls()).toEqual({ get: 1, put: 0 })
  })
})

describe('somebody else writes', () => {
  test('their very first rules right before ours: an alarm too', async () => {
    const { id } = await peer().post<{ id: string }>('tunnels', { name: 'new' })
    const { cloudflare } = now().open()
    const edited = await expose('radarr', {
      tunnel: id,
      cloudflare: {
        ...cloudflare,
        async putConfiguration(of, raw, signal) {
          await cloudflare.putConfiguration(of, { ingress: [theirs(), { service: 'http_status:404' }] })
          return await cloudflare.putConfiguration(of, raw, signal)
        },
      },
    })
    expect(edited.alarm).toMatchObject({ read: 0, expected: 1, found: 2, overwritten: 1 })
  })

  test.each([
    ['before the first look', { before: 'GET', nth: 1 }, 3],
    ['between the two looks', { before: 'GET', nth: 2 }, 4],
    ['after the write', { after: 'PUT', nth: 1 }, 3],
    ['before the last look', { before: 'GET', nth: 3 }, 3],
  ] as const)('%s: both rules are there, and there is nothing to say', async (_, moment, gets) => {
    await peer().writer({ ...moment, add: theirs() })
    const edited = await expose()
    expect(edited.alarm).toBeUndefined()
    expect(await namesNow()).toEqual(expect.arrayContaining([...seven(), host('theirs'), host('radarr')]))
    expect(await calls()).toEqual({ get: gets, put: 1 })
  })

  test.each([
    ['after the second look', { after: 'GET', nth: 2 }],
    ['before the write', { before: 'PUT', nth: 1 }],
  ] as const)('%s: theirs is overwritten, and that is an alarm', async (_, moment) => {
    await peer().writer({ ...moment, add: theirs() })
    const edited = await expose()
    expect(edited.alarm).toMatchObject({ read: 1, expected: 2, found: 3, overwritten: 1, lost: [] })
    expect(edited.alarm?.message).toContain('A change of somebody else was overwritten')
    expect(await namesNow()).toEqual([...seven(), host('radarr'), 'everything else'])
  })

  test('twice before the write: both are counted', async () => {
    await peer().writer({ after: 'GET', nth: 2, add: theirs() })
    await peer().writer({ before: 'PUT', nth: 1, remove: host('plex') })
    const { alarm } = await expose()
    expect(alarm).toMatchObject({ read: 1, found: 4, overwritten: 2 })
  })

  test('and takes a rule out between the looks: it stays out, and is named', async () => {
    await peer().writer({ before: 'GET', nth: 2, remove: host('plex') })
    const { alarm } = await expose()
    expect(alarm).toMatchObject({ overwritten: 0, lost: [{ hostname: host('plex') }] })
    expect(alarm?.message).toContain(`Somebody else took out ${host('plex')}`)
    expect(await namesNow()).not.toContain(host('plex'))
    expect(await namesNow()).toContain(host('radarr'))
  })

  test('and loses a rule right after the write: it is named', async () => {
    await peer().writer({ after: 'PUT', nth: 1, remove: host('vault') })
    const { alarm } = await expose()
    expect(alarm).toMatchObject({ overwritten: 0, lost: [{ hostname: host('vault') }] })
    expect(alarm?.message).toContain(`Somebody else's write lost ${host('vault')}`)
  })

  test('from an old copy right after the write: ours is gone, and that is an error', async () => {
    await peer().writer({ after: 'PUT', nth: 1, stale: true, add: theirs() })
    const error = await failure(expose())
    expect(error).toMatchObject({ code: 'conflict', data: { read: 1, written: 2, found: 3 } })
    expect(error.message).toContain(`ours did not stay: ${host('radarr')}`)
    expect(await calls()).toEqual({ get: 3, put: 1 })
  })

  test('from an old copy, and what was taken out is back: an error too', async () => {
    await peer().writer({ after: 'PUT', nth: 1, stale: true, add: theirs() })
    const error = await failure(edit((rules) => withoutRule(rules, host('vault'))))
    expect(error).toMatchObject({ code: 'conflict' })
    expect(error.message).toContain(host('vault'))
  })

  test('and replaces everything between the looks: what it wiped is named, ours is there', async () => {
    await peer().writer({
      before: 'GET',
      nth: 2,
      put: { ingress: [theirs(), { service: 'http_status:404' }] },
    })
    const { alarm } = await expose()
    expect(alarm?.lost.map(ruleName)).toEqual(seven())
    expect(await namesNow()).toEqual([host('theirs'), host('radarr'), 'everything else'])
  })

  test('after the last look: the next edit sees it, and puts ours back', async () => {
    await peer().writer({ after: 'GET', nth: 3, stale: true, add: theirs() })
    expect((await expose()).alarm).toBeUndefined()
    expect(await namesNow()).not.toContain(host('radarr'))
    expect(await expose()).toMatchObject({ changed: true })
    expect(await namesNow()).toContain(host('radarr'))
  })

  test('without end: nothing is written, and that is said', async () => {
    await peer().writer({ before: 'GET', nth: 2, times: 20, change: rule('plex', { note: 'again' }) })
    // Each write is another version, though the rules are the same.
    const error = await failure(expose())
    expect(error).toMatchObject({ code: 'conflict' })
    expect(error.hint).toContain('Nothing was changed')
    expect((await calls()).put).toBe(0)
  })

  test('and makes our change in the meantime: nothing is left to write', async () => {
    await peer().writer({ before: 'GET', nth: 2, add: rule('radarr') })
    expect(await expose()).toMatchObject({ changed: false })
    expect((await calls()).put).toBe(0)
  })

  test('a wildcard between the looks: ours goes before it', async () => {
    await peer().writer({ before: 'GET', nth: 2, add: rule('*') })
    await expose()
    const names = await namesNow()
    expect(names.indexOf(host('radarr'))).toBeLessThan(names.indexOf(host('*')))
  })
})

describe('the answer of the write is lost', () => {
  test('and it was made: what is there says so, and it is not repeated', async () => {
    await now().simulator.fault({ cloudflareCutAfter: 1 })
    const edited = await expose()
    expect(edited).toMatchObject({ changed: true, version: 2 })
    expect(edited.alarm).toBeUndefined()
    expect((await calls()).put).toBe(1)
  })

  test.each([
    ['a cut before', { cloudflareCutBefore: 1 }],
    ['a 502', { cloudflareAnswers: [{ verb: 'PUT', status: 502, html: true }] }],
    ['200 without success', { cloudflareAnswers: [{ verb: 'PUT', status: 200, message: '' }] }],
  ])('and it was not made (%s): unclear, looked for three times, not repeated', async (_, faults) => {
    await now().simulator.fault(faults)
    const error = await failure(expose())
    expect(error).toMatchObject({ code: 'unclear' })
    expect(await calls()).toEqual({ get: 5, put: 1 })
    expect(await namesNow()).not.toContain(host('radarr'))
  })

  test('and somebody else wrote before it: an alarm, because nobody can tell', async () => {
    await now().simulator.fault({ cloudflareCutAfter: 1 })
    await peer().writer({ before: 'PUT', nth: 1, add: theirs() })
    const { alarm } = await expose()
    expect(alarm).toMatchObject({ overwritten: 1, expected: 2, found: 3 })
    expect(alarm?.message).toContain('may have been overwritten')
  })

  test('and somebody else overwrote it: unclear, and not repeated', async () => {
    await now().simulator.fault({ cloudflareCutAfter: 1 })
    await peer().writer({ after: 'PUT', nth: 1, stale: true, add: theirs() })
    expect(await failure(expose())).toMatchObject({ code: 'unclear', data: { read: 1, found: 3 } })
    expect((await calls()).put).toBe(1)
  })

  /** The looks before the write are answered; the six after it are not, which is two for each of the three. */
  async function blind(): Promise<Pick<Cloudflare, 'configuration' | 'putConfiguration'>> {
    const faults = Array.from({ length: 6 }, () => ({
      verb: 'GET',
      path: 'configurations',
      status: 502,
      html: true,
    }))
    const { cloudflare } = now().open()
    return {
      ...cloudflare,
      async putConfiguration(...args) {
        const written = await cloudflare.putConfiguration(...args)
        await now().simulator.fault({ cloudflareAnswers: faults })
        return written
      },
    }
  }

  test('and nobody can look afterwards: unclear, with the version', async () => {
    const error = await failure(expose('radarr', { cloudflare: await blind() }))
    expect(error).toMatchObject({ code: 'unclear', data: { written: 2, alarm: null } })
    expect(await namesNow()).toContain(host('radarr'))
  })

  test('and nobody can look after a write that overwrote theirs: the number of ours says so', async () => {
    await peer().writer({ before: 'PUT', nth: 1, add: theirs() })
    let judge: Judge | undefined
    const error = await failure(
      expose('radarr', {
        cloudflare: await blind(),
        unseen: (later) => {
          judge = later
        },
      }),
    )
    expect(error).toMatchObject({
      code: 'unclear',
      data: { read: 1, written: 3, alarm: { overwritten: 1, found: 3 } },
    })
    expect(error.message).toContain('A change of somebody else was overwritten')
    // Who looks later says the same.
    const after = await now().open().cloudflare.configuration(tunnel())
    expect(judge?.(after)).toMatchObject({ overwritten: 1, expected: 2, found: 3 })
  })

  test('and it shows only later: a look then says what it overwrote', async () => {
    const { cloudflare } = now().open()
    await peer().writer({ before: 'PUT', nth: 1, add: theirs() })
    let judge: Judge | undefined
    let send = async () => {}
    const error = await failure(
      expose('radarr', {
        cloudflare: {
          ...cloudflare,
          async putConfiguration(id, raw) {
            send = async () => void (await cloudflare.putConfiguration(id, raw))
            throw new HomelabError('unclear', 'on its way')
          },
        },
        unseen: (later) => {
          judge = later
        },
      }),
    )
    expect(error).toMatchObject({ code: 'unclear' })
    await send()
    expect(judge?.(await cloudflare.configuration(tunnel()))).toMatchObject({ overwritten: 1, found: 3 })
  })
})

test('an edit that cannot be looked at tells whoever finds it what it overwrote', async () => {
  const { cloudflare } = now().open()
  await peer().writer({ before: 'PUT', nth: 1, add: theirs() })
  let away = false
  const cut: Cloudflare = {
    ...cloudflare,
    async configuration(id, signal) {
      if (away) throw new HomelabError('unreachable', 'away')
      return await cloudflare.configuration(id, signal)
    },
    async putConfiguration(...args) {
      away = true
      return await cloudflare.putConfiguration(...args)
    },
  }
  const clock = quickClock()
  const settings = () => ({ domain: now().lab.domain })
  const network = createNetwork({ cloudflare: cut, clock, settings } as never)
  const ingress = ingressOf(tunnel(), { network, clock } as never)
  const ours = rule('radarr')
  const error = await failure(
    ingress.edit(
      (rules) => withRule(rules, ours).rules,
      () => {},
    ),
  )
  expect(error).toMatchObject({ code: 'unclear' })
  away = false
  expect((await ingress.read()).map(ruleName)).toContain(host('radarr'))
  expect(ingress.alarms()).toEqual([expect.stringContaining('A change of somebody else was overwritten')])
  // It is of that edit alone.
  await ingress.edit(
    (rules) => rules,
    () => {},
  )
  await ingress.read()
  expect(ingress.alarms()).toEqual([])
})
