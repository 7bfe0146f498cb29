/** What an Alertmanager loses by design is found all the same. */
import { type Alert, alertOf, createAlertmanager, readAlerts } from '@homelab/core/alerts'
import { createPrometheus } from '@homelab/core/monitoring'
import { createHttp } from '@homelab/core/node'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type AlertDesk, SOURCE, startAlertDesk } from '../support/alert-desk.ts'
import { type RunningAlertmanager, startAlertmanager, startRules } from '../support/alertmanager.ts'
import { requireTool } from '../support/tools.ts'

const there = requireTool('prometheus', 'prometheus-alertmanager', 'setpriv')
const MINUTE = 60_000

/** Nothing has to be waited for, but that it never repeats itself. */
const configOf = (url: string) =>
  JSON.stringify({
    route: {
      receiver: 'homelab',
      group_by: ['alertname'],
      group_wait: '250ms',
      group_interval: '200ms',
      repeat_interval: '4h',
      routes: [{ receiver: 'nowhere', matchers: ['severity="none"'] }],
    },
    receivers: [{ name: 'homelab', webhook_configs: [{ url, send_resolved: true }] }, { name: 'nowhere' }],
  })

const http = createHttp()
afterAll(() => http.close())
const at = (ms: number) => new Date(Date.now() + ms).toISOString()
const shown = ({ name, status, labels }: Alert) => `${name} ${labels.instance} ${status}`
const poll = { timeout: 15_000, interval: 20 }

describe.skipIf(!there)('Alertmanager', () => {
  let desk: AlertDesk
  let peer: RunningAlertmanager
  beforeEach(async () => {
    desk = await startAlertDesk({ watchdog: { alert: 'Watchdog', after: 10 * MINUTE } })
    peer = await startAlertmanager(configOf(desk.url))
  })
  afterEach(async () => {
    await peer[Symbol.asyncDispose]()
    await desk[Symbol.asyncDispose]()
    expect(desk.notes).toEqual([])
  })
  const api = () =>
    createAlertmanager({
      http,
      settings: () => ({ name: SOURCE, url: peer.url }),
      secrets: { resolve: () => Promise.reject(new Error('there is none')) },
    })
  const down = (instance = 'a', more: object = {}) => ({
    labels: { alertname: 'PlexDown', instance },
    ...more,
  })
  const delivered = (count: number) => vi.waitFor(() => expect(desk.deliveries).toHaveLength(count), poll)
  const silenceOf = (instance: string, endsAt: string) =>
    api().silence({
      matchers: [{ name: 'instance', value: instance, isRegex: false, isEqual: true }],
      startsAt: at(-MINUTE),
      endsAt,
      createdBy: 'somebody',
      comment: 'a cable is being changed',
    })

  test('tells an alert in the same words as its webhook, and who is told of it', async () => {
    await peer.send([
      {
        ...down('plex:32400', { startsAt: at(-MINUTE) }),
        annotations: {
          summary: 'Plex does not answer',
          description: 'For 2 min',
          runbook_url: 'https://wiki/plex',
        },
      },
    ])
    await delivered(1)
    const [held] = await api().alerts()
    expect(held?.receivers).toEqual(['homelab'])
    const now = new Date()
    expect(held && [alertOf(SOURCE, held, now)]).toEqual(
      readAlerts('alertmanager', SOURCE, desk.deliveries[0], now),
    )
    expect(held).toMatchObject({ labels: { alertname: 'PlexDown' }, status: { state: 'active' } })
    expect((await api().status()).versionInfo.version).toMatch(/^\d+\./)
  })

  test('what was lost while the receiver was down is found, once, and its end, too', async () => {
    desk.up = false
    await peer.send([down(), { labels: { alertname: 'Unimportant', severity: 'none', instance: 'a' } }])
    await vi.waitFor(() => expect(desk.calls).toBeGreaterThan(0), poll)
    const reconciler = desk.reconciler(peer.url)
    await reconciler.look()
    await reconciler.look()
    expect(desk.found.map(shown)).toEqual(['PlexDown a firing'])
    await peer.send([down('a', { endsAt: at(-1_000) })])
    await reconciler.look()
    desk.clock.forward(6 * MINUTE)
    await reconciler.look()
    expect(desk.found.map(shown)).toEqual(['PlexDown a firing', 'PlexDown a resolved'])
    expect(desk.found[1]?.endsAt).toBeDefined()
    expect(desk.deliveries).toHaveLength(0)
  })

  test('what was over while it was silenced is over here, and who silenced it is known meanwhile', async () => {
    const silences = desk.silences(peer.url)
    const reconciler = desk.reconciler(peer.url, { silences })
    await peer.send([down()])
    await delivered(1)
    await silenceOf('a', at(3_600_000))
    await reconciler.look()
    const [known] = desk.firing()
    expect(known && silences.silencedElsewhere(known)).toMatchObject({
      by: 'somebody',
      comment: 'a cable is being changed',
    })
    // Nor is what it hides from everybody told by us.
    await peer.send([down('a', { endsAt: at(-1_000) }), { labels: { alertname: 'Other', instance: 'a' } }])
    await reconciler.look()
    desk.clock.forward(6 * MINUTE)
    await reconciler.look()
    expect(desk.found.map(shown)).toEqual(['PlexDown a resolved'])
    expect(desk.deliveries).toHaveLength(1)
  })

  test('what fires again after silence, end and expiry is swallowed there, and told here', async () => {
    const reconciler = desk.reconciler(peer.url)
    await peer.send([down()])
    await delivered(1)
    const silence = await silenceOf('a', at(3_600_000))
    await peer.send([down('a', { endsAt: at(-100) })])
    await reconciler.look()
    await api().expire(silence)
    const startsAt = at(0)
    await peer.send([down('a', { startsAt })])
    // Flushed a few times since: it takes it for the one that it has told already.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(desk.deliveries).toHaveLength(1)
    await reconciler.look()
    await reconciler.look()
    expect(desk.found.map(shown)).toEqual(['PlexDown a firing'])
    expect(desk.found[0]?.startsAt).toBe(startsAt)
  })

  test('a restart that forgets all ends nothing; what stays away does, and comes back as new', async () => {
    const reconciler = desk.reconciler(peer.url)
    const startsAt = at(-MINUTE)
    await peer.send([down('a', { startsAt })])
    await delivered(1)
    await reconciler.look()
    await peer.restart({ forgetting: true })
    await reconciler.look()
    desk.clock.forward(4 * MINUTE)
    await peer.send([down('a', { startsAt })])
    await reconciler.look()
    desk.clock.forward(4 * MINUTE)
    await reconciler.look()
    expect(desk.found).toEqual([])
    await peer.restart({ forgetting: true })
    await reconciler.look()
    desk.clock.forward(6 * MINUTE)
    await reconciler.look()
    expect(desk.found.map(shown)).toEqual(['PlexDown a resolved'])
    // As old news nobody would be told of it.
    await peer.send([down('a', { startsAt })])
    await desk.reconciler(peer.url).look()
    expect(desk.found.map(shown)).toEqual(['PlexDown a resolved', 'PlexDown a firing'])
    expect(Date.parse(desk.found[1]?.startsAt ?? '')).toBeGreaterThan(Date.parse(desk.found[0]?.endsAt ?? ''))
  })

  test('300 alerts come in one message, and are found in one look', async () => {
    const alerts = Array.from({ length: 300 }, (_, index) => down(`host-${index}`))
    const reconciler = desk.reconciler(peer.url)
    await peer.send(alerts)
    await delivered(1)
    expect(desk.firing()).toHaveLength(300)
    await reconciler.look()
    expect(desk.found).toEqual([])
    desk.up = false
    await peer.send(alerts.map(({ labels }) => ({ labels: { ...labels, alertname: 'Flood' } })))
    await reconciler.look()
    expect(new Set(desk.found.map(({ fingerprint }) => fingerprint)).size).toBe(300)
    expect(desk.found).toHaveLength(300)
  })

  test('one that does not answer is told after five minutes, and when it is back', async () => {
    const reconciler = desk.reconciler(peer.url)
    await reconciler.look()
    await peer.stop()
    await reconciler.look()
    desk.clock.forward(4 * MINUTE)
    await reconciler.look()
    const said = () => desk.findings.filter(({ kind }) => kind === `alertmanager-${SOURCE}`)
    expect(said().map(({ state }) => state)).toEqual(['resolved'])
    desk.clock.forward(2 * MINUTE)
    await reconciler.look()
    await reconciler.look()
    await peer.restart()
    await reconciler.look()
    expect(said().map(({ state }) => state)).toEqual(['resolved', 'firing', 'resolved'])
    expect(said()[1]).toMatchObject({
      title: `Alertmanager ${SOURCE} cannot be asked`,
      text: expect.stringContaining('connection refused') as string,
    })
  })

  test('the Watchdog is no incident, and its silence says who is to blame', async () => {
    const reconciler = desk.reconciler(peer.url)
    {
      await using _ = await startRules(peer.url, [{ alert: 'Watchdog', expr: 'vector(1)' }])
      await delivered(1)
      await reconciler.look()
      expect(desk.firing()).toEqual([])
      expect(desk.found).toEqual([])
      desk.up = false
    }
    const said = () => desk.findings.filter(({ kind }) => kind === 'watchdog')
    expect(said().map(({ state }) => state)).toEqual(['resolved'])
    desk.clock.forward(11 * MINUTE)
    await reconciler.look()
    expect(said().at(-1)).toMatchObject({
      state: 'firing',
      severity: 'critical',
      title: `Nothing watches the lab: no Watchdog from ${SOURCE} for 10 min`,
      text: expect.stringContaining('runs and has Watchdog, but does not deliver it here') as string,
    })
    await peer.restart({ forgetting: true })
    await reconciler.look()
    expect(said().at(-1)?.text).toContain('does not have Watchdog: Prometheus is down')
    await peer.stop()
    await reconciler.look()
    expect(said().at(-1)?.text).toContain('does not answer either')
    await peer.restart()
    desk.up = true
    await peer.send([{ labels: { alertname: 'Watchdog' } }])
    await delivered(2)
    await reconciler.look()
    expect(said().at(-1)?.state).toBe('resolved')
  })

  test('what fired and ended while we were away is told in one card', async () => {
    const always = ['Watchdog', 'StillDown'].map((alert) => ({ alert, expr: 'vector(1)' }))
    await using prometheus = await startRules(peer.url, [
      ...always,
      { alert: 'DiskFull', expr: 'vector(1)', labels: { severity: 'critical', node: 'pve' } },
      { alert: 'Known', expr: 'vector(1)', labels: { instance: 'a' } },
    ])
    const client = createPrometheus({
      http,
      settings: () => ({ url: prometheus.url }),
      secrets: { resolve: () => Promise.reject(new Error('there is none')) },
    })
    // Looked before all of it, and not again until it was over.
    const startsAt = at(-MINUTE)
    await desk.reconciler(peer.url).look()
    const firing = async () =>
      (await client.instant('ALERTS{alertstate="firing"}')).map(({ labels }) => labels.alertname).toSorted()
    await vi.waitFor(async () => expect(await firing()).toContain('DiskFull'), poll)
    await prometheus.change(always)
    await vi.waitFor(async () => expect(await firing()).toEqual(['StillDown', 'Watchdog']), poll)
    const labels = { alertname: 'Known', instance: 'a', lab: 'home' }
    const alerts = readAlerts(
      'alertmanager',
      SOURCE,
      { alerts: [{ status: 'firing', labels, startsAt }] },
      new Date(),
    )
    const back = desk.reconciler(peer.url, { prometheus: client, during: () => [{ alerts: [...alerts] }] })
    await back.look()
    await back.look()
    expect(desk.cards).toHaveLength(1)
    expect(desk.cards[0]).toMatchObject({
      title: 'While homelab was away, 1 alert fired and ended',
      tone: 'warning',
    })
    expect(JSON.stringify(desk.cards[0]?.sections)).toMatch(
      /DiskFull \(pve\): \d\d:\d\d to \d\d:\d\d, \d+(\.\d)? s/,
    )
  })
})
