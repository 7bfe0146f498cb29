/** Updates of services, and what waits for one: the lab's state first, what was said after. */
import { describe, expect, it } from 'vitest'
import { createPve } from '../support/pve.ts'
import { changes, config, guest, output, simulator, type, useLab, words } from './guest-life.fixture.ts'

useLab()

const versions = async (vmid: number) =>
  Object.fromEntries((await simulator.inside(vmid)).packages.map(({ name, version }) => [name, version]))
const snapshots = async (vmid: number) => {
  const { data } = await createPve(simulator.lab).get(`/nodes/pve/lxc/${vmid}/snapshot`)
  return (data as { name: string }[]).map(({ name }) => name).filter((name) => name !== 'current')
}
const old = { openssl: '3.0.15-1~deb12u1', tzdata: '2024b-0+deb12u1' }
const fresh = { openssl: '3.0.17-1~deb12u2', tzdata: '2025b-0+deb12u1' }

interface Checked {
  readonly waiting: number
  readonly security: number
  readonly guests: readonly {
    readonly name: string
    readonly state: string
    readonly why?: string
    readonly waiting: readonly { readonly name: string; readonly security: boolean }[]
    readonly manager?: string
    readonly helper?: { readonly app: string; readonly version?: string }
  }[]
}

describe('update check', () => {
  it('looks into all, and one that stands still, is a machine or unknown is named with the reason', async () => {
    await simulator.changeGuest(103, { state: 'stopped' })
    await simulator.changeInside(105, {
      id: 'alpine',
      pretty: 'Alpine Linux v3.21',
      packages: [{ name: 'busybox', version: '1.37.0-r8', to: '1.37.0-r12' }],
    })
    await simulator.changeInside(106, { id: 'arch', pretty: 'Arch Linux', packages: [] })
    const found = output<Checked>(await type('update check redis prometheus grafana jellyfin homeassistant'))
    const of = (name: string) => found.guests.find((each) => each.name === name)
    expect(of('redis')).toMatchObject({ state: 'skipped', why: expect.stringContaining('stopped') })
    expect(await guest(103)).toMatchObject({ state: 'stopped' })
    expect(of('homeassistant')).toMatchObject({ state: 'skipped' })
    expect(of('prometheus')).toMatchObject({ manager: 'apk', waiting: [{ name: 'busybox' }] })
    expect(of('grafana')).toMatchObject({ state: 'looked', waiting: [] })
    expect(of('grafana')?.manager).toBeUndefined()
    expect(of('jellyfin')).toMatchObject({
      helper: { app: 'jellyfin', version: '1.40.0' },
      waiting: [
        { name: 'openssl', security: true },
        { name: 'tzdata', security: false },
      ],
    })
    expect(found).toMatchObject({ waiting: 3, security: 1 })
    expect((await simulator.counts()).changes).toEqual({})
  })

  it('reads the lists anew when it is told to', async () => {
    await simulator.changeInside(112, { listedAt: 1 })
    output(await type('update check radarr refresh:true'))
    expect((await simulator.inside(112)).listedAt).toBeGreaterThan(1_000_000)
  })
})

describe('update run', () => {
  it('takes a snapshot, updates packages and script, restarts, and removes the snapshot of before', async () => {
    const taken = async (snapname: string, description: string) => {
      const pve = createPve(simulator.lab)
      const { data } = await pve.post('/nodes/pve/lxc/123/snapshot', { snapname, description })
      await simulator.waitFor({ kind: 'task', upid: String(data), status: 'OK' })
    }
    await taken('before-update-old', 'Taken by homelab before an update')
    await taken('before-update-by-hand', '')
    const posted = await type('update run vaultwarden')
    const done = output<Record<string, unknown>>(posted)
    expect(await versions(123)).toMatchObject(fresh)
    expect((await simulator.inside(123)).helper).toMatchObject({ version: '1.41.2' })
    const kept = await snapshots(123)
    expect(kept).toEqual([
      'before-update-by-hand',
      expect.stringMatching(/^before-update-\d{4}-\d\d-\d\d-\d{6}$/),
    ])
    expect(await guest(123)).toMatchObject({ state: 'running', lock: null })
    expect(done).toMatchObject({
      updated: true,
      packages: [
        { name: 'openssl', from: old.openssl, to: fresh.openssl },
        { name: 'tzdata', from: old.tzdata, to: fresh.tzdata },
      ],
      script: { app: 'vaultwarden', from: '1.40.0', to: '1.41.2' },
      restarted: 'vaultwarden',
      secured: { by: 'snapshot', name: kept[1] },
      removed: ['before-update-old'],
      left: 0,
      healthy: true,
    })
    const again = output<Record<string, unknown>>(await type('update run vaultwarden only:packages'))
    expect(again).toMatchObject({ updated: false, detail: 'no package waits for an update' })
  })

  it('says in its plan what waits, and why there is an archive instead of a snapshot', async () => {
    const plan = words(await type('update run jellyfin --dry-run'))
    expect(plan).toContain('mp0 (/Apollo/Media) is of the host')
    expect(plan).toContain('not in the archive either: /Apollo/Media')
    expect(plan).toContain('2 packages are updated (1 for security')
    expect(plan).toContain('that is a failure: its packages stay as they are, too.')
    // They would stay in any case.
    const script = words(await type('update run jellyfin only:script --dry-run'))
    expect(script).toContain('that is a failure.')
    expect(await changes(111)).toBeUndefined()
  })

  it('goes back to the snapshot when the service does not answer any more', async () => {
    await simulator.fault({ stale: false, updateTrouble: { '123': 'breaks' } })
    const posted = await type('update run vaultwarden only:packages health:1')
    expect(posted.error).toBe('failed')
    expect(await versions(123)).toMatchObject(old)
    expect(await guest(123)).toMatchObject({ state: 'running', lock: null })
    expect(await changes(123)).toMatchObject({ snapshot: 1, rollback: 1, start: 1 })
    expect(words(posted)).toMatch(
      /was not updated: .*It is as it was before, without its 2 new packages: HTTP 200/,
    )
  })

  it('goes back to the archive only when that was said, with the folders of the host', async () => {
    await simulator.fault({ stale: false, updateTrouble: { '111': 'fails' } })
    const left = await type('update run jellyfin only:packages')
    expect(left.error).toBe('failed')
    expect(words(left)).toMatch(
      /apt-get ended with 100.*guest restore jellyfin vzdump-lxc-111-.* inplace:true/,
    )
    expect(await changes(111)).toEqual({ vzdump: 1 })
    await simulator.changeInside(111, { broken: false })
    const mounts = (await config(111)).mp0
    const posted = await type('update run jellyfin only:packages rollback:backup')
    expect(posted.error).toBe('failed')
    expect(await versions(111)).toMatchObject(old)
    expect(await guest(111)).toMatchObject({ state: 'running', lock: null })
    expect((await config(111)).mp0).toBe(mounts)
    expect(words(posted)).toContain('It is as it was before')
  })

  it('stops a script that asks, goes back, and says what was asked', async () => {
    await simulator.fault({ stale: false, updateTrouble: { '123': 'asks' } })
    const posted = await type('update run vaultwarden')
    expect(posted.error).toBe('failed')
    expect(await versions(123)).toMatchObject(old)
    expect((await simulator.inside(123)).helper).toMatchObject({ version: '1.40.0' })
    expect(await guest(123)).toMatchObject({ state: 'running' })
    const said = words(posted)
    expect(said).toContain(
      'was not updated: Its script `update` asks: \\"Use the new version of the database?\\". It was stopped. It is as it was before: HTTP 200',
    )
    expect(said).toContain('pct enter 123')
    // Nothing was installed to be taken back again; what does not ask can be had without it.
    expect(said).not.toMatch(/Unpacking|new packages/)
    expect(said).toContain('`update run vaultwarden only:packages`')
    await simulator.fault({ stale: false, updateTrouble: { '123': 'asks' } })
    output(await type('update run vaultwarden only:packages'))
    expect(await versions(123)).toMatchObject(fresh)
  })

  it('begins nothing on what does not answer, stands still or is a machine', async () => {
    await simulator.fault({ stale: false, broken: { vaultwarden: 'error' } })
    expect(words(await type('update run vaultwarden'))).toContain('does not answer as it should now')
    await simulator.changeGuest(103, { state: 'stopped' })
    expect((await type('update run redis')).error).toBe('conflict')
    expect((await type('update run homeassistant')).error).toBe('usage')
    expect(words(await type('update run jellyfin secure:snapshot'))).toContain('can have no snapshots')
    expect((await simulator.counts()).changes).toEqual({})
  })
})

describe('template', () => {
  it('lists what is there and what can be, and downloads what is not there', async () => {
    const list = output<{ here: { file: string; newer?: string }[]; available: { template: string }[] }>(
      await type('template list'),
    )
    expect(list.here).toMatchObject([{ newer: 'debian-12-standard_12.12-1_amd64.tar.zst' }])
    expect(list.available.map(({ template }) => template.split('_')[0])).toEqual([
      'alpine-3.21-default',
      'debian-12-standard',
      'debian-13-standard',
      'ubuntu-24.04-standard',
    ])
    const one = output<Record<string, unknown>>(await type('template download debian-13'))
    expect(one).toMatchObject({ volid: 'local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst', was: false })
    expect(output(await type('template download debian-13'))).toMatchObject({ was: true })
    const { data } = await createPve(simulator.lab).get('/nodes/pve/storage/local/content?content=vztmpl')
    expect(data).toHaveLength(2)
    expect((await type('template download debian')).error).toBe('ambiguous')
    expect((await type('template download gentoo')).error).toBe('not-found')
  })

  it('looks for a download whose answer was lost, and says why one failed', async () => {
    await simulator.fault({ stale: false, cutAfter: 1 })
    expect(output(await type('template download ubuntu'))).toMatchObject({ was: false })
    expect((await simulator.counts()).requests['POST /nodes/pve/aplinfo']).toBe(1)
    await simulator.fault({ fullStorage: ['local'] })
    expect((await type('template download alpine')).error).toBe('failed')
  })
})
