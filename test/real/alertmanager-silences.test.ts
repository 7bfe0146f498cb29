/** The silence of an incident is kept in Alertmanager, too, and only for what it is of. */
import {
  alertOf,
  createAlertmanager,
  firingIn,
  type Incident,
  opened,
  resolvedBy,
  silenced,
  unsilenced,
  withAlert,
} from '@homelab/core/alerts'
import { createHttp } from '@homelab/core/node'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AlertDesk, SOURCE, startAlertDesk } from '../support/alert-desk.ts'
import { type RunningAlertmanager, startAlertmanager } from '../support/alertmanager.ts'
import { requireTool } from '../support/tools.ts'

const there = requireTool('prometheus-alertmanager', 'setpriv')
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const harmeet = { id: 'discord:1', name: 'Harmeet' }
const http = createHttp()
afterAll(() => http.close())

describe.skipIf(!there)('silences', () => {
  let desk: AlertDesk
  let peer: RunningAlertmanager
  beforeEach(async () => {
    desk = await startAlertDesk()
    peer = await startAlertmanager(
      JSON.stringify({ route: { receiver: 'nowhere' }, receivers: [{ name: 'nowhere' }] }),
    )
  })
  afterEach(async () => {
    await peer[Symbol.asyncDispose]()
    await desk[Symbol.asyncDispose]()
  })
  const api = () =>
    createAlertmanager({
      http,
      settings: () => ({ name: SOURCE, url: peer.url }),
      secrets: { resolve: () => Promise.reject(new Error('there is none')) },
    })
  const diskOf = (instance: string, more: Readonly<Record<string, string>> = {}) => ({
    labels: { alertname: 'DiskFull', instance, ...more },
  })
  const silent = async () =>
    (await api().alerts())
      .filter(({ status }) => status.silencedBy.length > 0)
      .map(({ labels: { instance, device } }) => (device === undefined ? instance : `${instance}/${device}`))
      .toSorted()
  const active = async () => (await api().silences()).filter(({ status }) => status.state === 'active')

  /** Of what fires at these instances there, with no label more than that. */
  async function incidentOf(...instances: string[]): Promise<Incident> {
    const held = (await api().alerts()).filter(
      ({ labels }) => labels.device === undefined && instances.includes(labels.instance ?? ''),
    )
    const [first, ...rest] = held.map((alert) => alertOf(SOURCE, alert, new Date()))
    if (first === undefined) throw new Error('nothing fires')
    const now = new Date()
    return rest.reduce(
      (incident, alert) => withAlert(incident, alert, now),
      opened('k7f3', 'k', first, {}, now),
    )
  }
  /** As the desk does it. */
  async function put(silences: ReturnType<AlertDesk['silences']>, incident: Incident): Promise<void> {
    desk.incidents.set(incident.id, incident)
    silences.changed(incident)
    await silences.settled()
  }

  test('mutes the alerts of the incident and no others, is prolonged, and ends with it', async () => {
    await peer.send([diskOf('a'), diskOf('a', { device: 'sda' }), diskOf('b'), diskOf('c')])
    const silences = desk.silences(peer.url)
    const reconciler = desk.reconciler(peer.url, { silences })
    const incident = await incidentOf('a', 'b')
    expect(await silences.wouldMute(firingIn(incident))).toBe(2)
    const quiet = silenced(incident, harmeet, desk.clock.now())
    await put(silences, quiet)
    expect(await silent()).toEqual(['a', 'b'])
    expect(await silences.wouldMute(firingIn(incident))).toBe(0)
    const made = await active()
    expect(made[0]).toMatchObject({ createdBy: 'Harmeet (homelab)' })
    for (const { endsAt } of made) expect(Date.parse(endsAt)).toBeLessThanOrEqual(Date.now() + HOUR)
    expect(made.map((silence) => silences.isOurs(silence))).toEqual([true, true])
    expect(firingIn(incident).map((alert) => silences.silencedElsewhere(alert))).toEqual([
      undefined,
      undefined,
    ])

    await reconciler.look()
    expect((await active()).map(({ endsAt }) => endsAt)).toEqual(made.map(({ endsAt }) => endsAt))
    desk.clock.forward(40 * MINUTE)
    await reconciler.look()
    const longer = await active()
    expect(longer.map(({ id }) => id).toSorted()).toEqual(made.map(({ id }) => id).toSorted())
    for (const { endsAt } of longer) expect(Date.parse(endsAt)).toBeGreaterThan(Date.now() + 90 * MINUTE)

    await put(silences, unsilenced(quiet, desk.clock.now(), harmeet))
    expect(await silent()).toEqual([])
    expect(await active()).toEqual([])
    await put(silences, silenced(incident, harmeet, desk.clock.now(), new Date(Date.now() + 4 * HOUR)))
    const until = await active()
    expect(until).toHaveLength(2)
    for (const { endsAt } of until) expect(Date.parse(endsAt)).toBeGreaterThan(Date.now() + 3.9 * HOUR)
    await put(silences, resolvedBy(quiet, harmeet, desk.clock.now()))
    expect(await active()).toEqual([])
    expect(desk.notes).toEqual([])
  })

  test('is found again after a restart, of the bot or of Alertmanager, and never made twice', async () => {
    await peer.send([diskOf('a')])
    const quiet = silenced(await incidentOf('a'), harmeet, desk.clock.now())
    await put(desk.silences(peer.url), quiet)
    const [made] = await active()
    // Killed between the answer and the note of it: the mark in the comment is what it is known by.
    const kept = desk.facts.get('alerts.silences') as { owner: string }
    await desk.facts.set('alerts.silences', { owner: kept.owner, ids: {} })
    const again = desk.silences(peer.url)
    await put(again, quiet)
    expect((await active()).map(({ id }) => id)).toEqual([made?.id])

    await peer.restart({ forgetting: true })
    await peer.send([diskOf('a')])
    const reconciler = desk.reconciler(peer.url, { silences: again })
    await reconciler.look()
    await reconciler.look()
    expect(await silent()).toEqual(['a'])
    expect(await active()).toHaveLength(1)

    // Ended while nobody was there to end it.
    await again.stop()
    desk.incidents.clear()
    await desk.reconciler(peer.url, { silences: desk.silences(peer.url) }).look()
    expect(await active()).toEqual([])
  })

  test('what joins a silenced incident is muted, and what is folded beneath it, and what is told of another bot is left', async () => {
    await peer.send([diskOf('a'), diskOf('b'), diskOf('c')])
    const other = await api().silence({
      matchers: [{ name: 'instance', value: 'c', isRegex: false, isEqual: true }],
      startsAt: new Date(Date.now() - MINUTE).toISOString(),
      endsAt: new Date(Date.now() + HOUR).toISOString(),
      createdBy: 'another bot',
      comment: 'incident k7f3 [homelab:00000000:k7f3/x]',
    })
    const silences = desk.silences(peer.url)
    const child = { ...(await incidentOf('b')), id: 'beneath', parent: 'k7f3' }
    desk.incidents.set(child.id, child)
    await put(silences, silenced(await incidentOf('a'), harmeet, desk.clock.now()))
    await desk.reconciler(peer.url, { silences }).look()
    expect(await silent()).toEqual(['a', 'b', 'c'])
    const [theirs] = firingIn(await incidentOf('c'))
    expect(theirs && silences.silencedElsewhere(theirs)).toMatchObject({ id: other, by: 'another bot' })
    await put(silences, silenced(await incidentOf('a', 'b', 'c'), harmeet, desk.clock.now()))
    expect(await active()).toHaveLength(5)
    desk.incidents.clear()
    await put(silences, resolvedBy(await incidentOf('a'), harmeet, desk.clock.now()))
    expect((await active()).map(({ id }) => id)).toEqual([other])
  })

  test('an Alertmanager that is down takes nothing from the silence here, and is caught up with', async () => {
    await peer.send([diskOf('a')])
    const quiet = silenced(await incidentOf('a'), harmeet, desk.clock.now())
    await peer.stop()
    const silences = desk.silences(peer.url)
    await put(silences, quiet)
    await put(silences, quiet)
    expect(desk.notes).toEqual([
      expect.stringMatching(/^k7f3: its silence is kept here, but not in Alertmanager lab: .*refused/),
    ])
    await expect(silences.wouldMute(firingIn(quiet))).rejects.toMatchObject({ code: 'unreachable' })
    await peer.restart()
    await peer.send([diskOf('a')])
    await desk.reconciler(peer.url, { silences }).look()
    expect(await silent()).toEqual(['a'])
  })

  test('refuses what makes no sense, and ending what is over is no error', async () => {
    const silence = {
      matchers: [{ name: 'instance', value: 'a', isRegex: false, isEqual: true }],
      startsAt: new Date(Date.now() - MINUTE).toISOString(),
      endsAt: new Date(Date.now() + HOUR).toISOString(),
      createdBy: 'test',
      comment: 'test',
    }
    await expect(api().silence({ ...silence, matchers: [] })).rejects.toMatchObject({
      code: 'failed',
      data: { status: 422 },
    })
    await expect(
      api().silence({ ...silence, endsAt: new Date(Date.now() - 1_000).toISOString() }),
    ).rejects.toMatchObject({ code: 'failed' })
    const id = await api().silence(silence)
    expect(await api().silence({ ...silence, id, startsAt: (await active())[0]?.startsAt ?? '' })).toBe(id)
    await api().expire(id)
    await api().expire(id)
    await api().expire('6ab4f9a4-6d46-4d8f-8c4a-3a0a0d2b9f3c')
    expect(await active()).toEqual([])
  })
})
