import { readFileSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { HomelabError } from '../../errors.ts'
import type { AlertSourceKind } from '../../inventory/alerts-schema.ts'
import { Alert } from '../types.ts'
import { readAlerts } from './index.ts'
import { proxmoxBody } from './proxmox.ts'
import { grafana, grafanaDashboard, grafanaTest, kuma, proxmox } from './sources.fixture.ts'

const now = new Date('2026-11-26T06:00:00.000Z')

/** Recorded from Debian's Alertmanager 0.25, its own address replaced: `max_alerts: 2` leaves out the third, then one is over. */
const recorded = JSON.parse(
  readFileSync(new URL('./alertmanager.recorded.json', import.meta.url), 'utf8'),
) as { firing: Body; resolved: Body }
type Body = Readonly<Record<string, unknown>> & {
  readonly alerts: readonly Readonly<Record<string, unknown>>[]
}

/** Whatever comes out must be what the store and the incidents take. */
function read(kind: AlertSourceKind, body: unknown, at = now): readonly Alert[] {
  const alerts = readAlerts(kind, kind, body, at)
  for (const alert of alerts) expect(Alert.parse(alert)).toEqual(alert)
  return alerts
}

const one = (kind: AlertSourceKind, body: unknown, at = now): Alert => {
  const [alert, ...more] = read(kind, body, at)
  expect(more).toEqual([])
  if (alert === undefined) throw new Error('no alert')
  return alert
}

function refusal(kind: AlertSourceKind, body: unknown): { message: string; hint: string } {
  try {
    read(kind, body)
  } catch (error) {
    if (error instanceof HomelabError && error.code === 'usage')
      return { message: error.message, hint: error.hint ?? '' }
    throw error
  }
  throw new Error('it was taken')
}

const alertOf = (more: object = {}) => ({
  status: 'firing',
  labels: { alertname: 'PlexDown', instance: '10.0.0.5:32400', severity: 'page' },
  annotations: { summary: 'Plex does not answer', description: 'For five minutes.\nLook at it.' },
  startsAt: '2026-11-26T05:00:00.123456789Z',
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: 'http://prometheus:9090/graph?g0.expr=up',
  fingerprint: 'abc',
  ...more,
})
const message = (...alerts: object[]) => ({ version: '4', groupKey: '{}:{}', alerts })

describe('alertmanager', () => {
  it('reads what the program itself sends', () => {
    const at = new Date(Date.parse(String(recorded.firing.alerts[0]?.startsAt)) + 60_000)
    const [first, second, left] = read('alertmanager', recorded.firing, at)
    expect(first).toMatchObject({
      status: 'firing',
      name: 'PlexDown',
      severity: 'critical',
      labels: { alertname: 'PlexDown', instance: 'a:1', severity: 'page' },
      title: 'a:1 is down',
      text: 'It does not answer.',
      runbook: 'https://wiki.example.org/plex',
      link: 'http://prometheus.example.org/graph',
    })
    expect(first).not.toHaveProperty('endsAt')
    expect(second).toMatchObject({ labels: { instance: 'b:1' } })
    expect(left).toMatchObject({
      severity: 'info',
      once: true,
      title: '1 alert was left out by Alertmanager',
      text: expect.stringContaining('max_alerts'),
    })
    const over = read('alertmanager', recorded.resolved, at).find(({ status }) => status === 'resolved')
    expect(over).toMatchObject({ fingerprint: first?.fingerprint, endsAt: expect.any(String) })
  })

  it('makes an alert of each', () => {
    expect(one('alertmanager', message(alertOf()))).toEqual({
      source: 'alertmanager',
      fingerprint: 'abc',
      status: 'firing',
      name: 'PlexDown',
      severity: 'critical',
      title: 'Plex does not answer',
      text: 'For five minutes.\nLook at it.',
      labels: { alertname: 'PlexDown', instance: '10.0.0.5:32400', severity: 'page' },
      startsAt: '2026-11-26T05:00:00.123Z',
      link: 'http://prometheus:9090/graph?g0.expr=up',
    })
  })

  test.each([
    [{ summary: '', description: 'First.\nSecond.' }, 'First.', 'First.\nSecond.'],
    [{ description: 'Only this' }, 'Only this', undefined],
    [{ summary: '<no value>' }, 'PlexDown: 10.0.0.5:32400', undefined],
    [{}, 'PlexDown: 10.0.0.5:32400', undefined],
    [undefined, 'PlexDown: 10.0.0.5:32400', undefined],
    [{ summary: 'Line\nbreak and \u202eturned' }, 'Line break and turned', undefined],
  ])('title of %j is %j', (annotations, title, text) => {
    const alert = one('alertmanager', message(alertOf({ annotations })))
    expect([alert.title, alert.text]).toEqual([title, text])
  })

  test.each([
    ['critical', 'critical'],
    ['Page', 'critical'],
    ['error', 'critical'],
    ['high', 'critical'],
    ['warning', 'warning'],
    ['none', 'info'],
    ['low', 'info'],
    ['info', 'info'],
    ['whatever', 'warning'],
    [undefined, 'warning'],
  ])('severity %j is %j', (severity, expected) => {
    const labels = { alertname: 'x', ...(severity === undefined ? {} : { severity }) }
    expect(one('alertmanager', message(alertOf({ labels }))).severity).toBe(expected)
  })

  it('never lets anything begin or end later than it is told, nor end before it begins', () => {
    const times = (more: object) => {
      const { startsAt, endsAt } = one('alertmanager', message(alertOf(more)))
      return [startsAt, endsAt]
    }
    const told = now.toISOString()
    expect(times({ startsAt: '2026-11-26T09:00:00Z' })).toEqual([told, undefined])
    expect(times({ startsAt: 'yesterday' })).toEqual([told, undefined])
    expect(times({ startsAt: '0001-01-01T00:00:00Z' })).toEqual([told, undefined])
    expect(times({ endsAt: '2026-11-26T09:00:00Z' })).toEqual(['2026-11-26T05:00:00.123Z', undefined])
    const resolved = (more: object) => times({ status: 'resolved', ...more })
    expect(resolved({})).toEqual(['2026-11-26T05:00:00.123Z', told])
    expect(resolved({ endsAt: '2026-11-26T05:30:00+00:00' })[1]).toBe('2026-11-26T05:30:00.000Z')
    expect(resolved({ endsAt: '2026-11-26T04:00:00Z' })[1]).toBe('2026-11-26T05:00:00.123Z')
    expect(resolved({ startsAt: '2027-01-01T00:00:00Z', endsAt: '2027-02-01T00:00:00Z' })).toEqual([
      told,
      told,
    ])
    expect(resolved({ startsAt: undefined, endsAt: '2026-11-26T05:30:00Z' })[0]).toBe(
      '2026-11-26T05:30:00.000Z',
    )
  })

  it('follows http(s) links only, and takes passwords out of them', () => {
    const links = (generatorURL: unknown, runbook: unknown) => {
      const alert = one('alertmanager', message(alertOf({ generatorURL, annotations: { runbook } })))
      return [alert.link, alert.runbook]
    }
    expect(links('javascript:alert(1)', 'file:///etc/passwd')).toEqual([undefined, undefined])
    expect(links('http://', 'see the wiki')).toEqual([undefined, undefined])
    expect(links('http://me:secret@prom/x', 'https://w/y')).toEqual(['http://prom/x', 'https://w/y'])
    expect(links(`http://x/${'a'.repeat(3_000)}`, 7)).toEqual([undefined, undefined])
  })

  it('cuts labels of 10 KB and of any number, and leaves markup as plain text', () => {
    const labels = Object.fromEntries([
      ['alertname', 'Big'],
      ['markup', '<b>@everyone</b> **x** <!channel>'],
      ['control', 'a\u0000b\nc\u202ed'],
      ['big', 'x'.repeat(10_240)],
      ['emoji', `${'y'.repeat(298)}😀tail`],
      ['torn', '\ud800'],
      ['__proto__', 'no label'],
      ...Array.from({ length: 100 }, (_, index) => [`n${index}`, String(index)]),
    ]) as Record<string, string>
    const alert = one('alertmanager', message(alertOf({ labels: { ...labels, nested: {}, n0: 3 } })))
    expect(Object.keys(alert.labels)).toHaveLength(60)
    expect(alert.labels.markup).toBe('<b>@everyone</b> **x** <!channel>')
    expect(alert.labels.control).toBe('a b c d')
    expect(alert.labels.big).toHaveLength(300)
    expect(alert.labels.emoji).toBe(`${'y'.repeat(298)}…`)
    expect(alert.labels.torn).toBe('\ufffd')
    expect(alert.labels.n0).toBe('3')
    const texts = one(
      'alertmanager',
      message(alertOf({ annotations: { summary: 's'.repeat(9_000), description: 'd'.repeat(90_000) } })),
    )
    expect([texts.title.length, texts.text?.length]).toEqual([200, 2_000])
  })

  it('tells the same alert by its labels where it has no fingerprint', () => {
    const print = (labels: object) =>
      one('alertmanager', message(alertOf({ fingerprint: undefined, labels }))).fingerprint
    expect(print({ alertname: 'a', x: '1' })).toBe(print({ x: '1', alertname: 'a' }))
    expect(print({ alertname: 'a', x: '1' })).not.toBe(print({ alertname: 'a', x: '2' }))
  })

  it('loses none beside one that cannot be read, and says so', () => {
    const [good, problem, ...more] = read(
      'alertmanager',
      message(alertOf(), { status: 'odd', labels: {} }, 7 as never),
    )
    expect(more).toEqual([])
    expect(good?.name).toBe('PlexDown')
    expect(problem).toMatchObject({
      title: '2 alerts could not be read',
      once: true,
      text: expect.stringContaining('alerts[1]: its "status" must be firing or resolved, not "odd"'),
    })
  })

  test.each([
    [null, 'it has no list "alerts"'],
    ['text', 'it has no list "alerts"'],
    [{}, 'it has no list "alerts"'],
    [{ alerts: {} }, 'it has no list "alerts"'],
    [{ alerts: [null] }, 'alerts[0] must be an object'],
    [{ alerts: [{ status: 'firing' }] }, 'alerts[0]: it has no "labels"'],
  ])('refuses %j', (body, reason) => {
    const { message: said, hint } = refusal('alertmanager', body)
    expect(said).toContain(reason)
    expect(hint).toContain('alert setup')
  })

  it('takes an empty list for no news', () => {
    expect(read('alertmanager', { alerts: [] })).toEqual([])
  })
})

describe('grafana', () => {
  it('reads values, links, and what could not be measured', () => {
    const [memory, noData, gone] = read('grafana', grafana)
    expect(memory).toMatchObject({
      fingerprint: 'c6eadffa33fcdf37',
      severity: 'critical',
      title: 'Memory of plex is nearly used up',
      text: 'The system has high memory usage\nB = 44.2394, C = 1',
      link: 'https://grafana.example.org/d/1?viewPanel=4',
      runbook: 'https://wiki.example.org/memory',
      labels: { silence_url: 'https://grafana.example.org/alerting/silence/new?matcher=alertname%3DHigh' },
      startsAt: '2026-11-26T02:51:03.157Z',
    })
    expect(noData).toMatchObject({
      name: 'DatasourceNoData',
      title: 'No data: High CPU',
      severity: 'warning',
      link: 'https://grafana.example.org/alerting/grafana/d1rdpdv7k/view',
    })
    expect(gone).toMatchObject({
      status: 'resolved',
      endsAt: '2026-11-26T02:00:00.000Z',
      text: expect.stringContaining('MissingSeries'),
    })
    expect(gone).not.toHaveProperty('link')
  })

  it('shows a test, which is over when somebody has seen it', () => {
    expect(one('grafana', grafanaTest)).toMatchObject({ name: 'TestAlert', severity: 'info', once: true })
  })

  it('says when some were left out', () => {
    const left = read('grafana', { ...grafana, truncatedAlerts: 3 }).at(-1)
    expect(left).toMatchObject({ title: '3 alerts were left out by Grafana', severity: 'info' })
  })

  it("reads the alerts of old dashboards, and ends them by the rule's id", () => {
    const began = one('grafana', grafanaDashboard)
    expect(began).toMatchObject({
      status: 'firing',
      fingerprint: 'rule/7',
      title: 'No data: Panel Title alert',
      text: 'Notification Message\nHigh value = 100',
      labels: { service: 'plex' },
    })
    const over = one('grafana', { ...grafanaDashboard, state: 'ok', evalMatches: [] })
    expect(over).toMatchObject({ status: 'resolved', fingerprint: began.fingerprint })
    expect(read('grafana', { ...grafanaDashboard, state: 'paused' })).toEqual([])
  })

  test.each([null, [], { title: 'x' }])('refuses %j', (body) => {
    expect(refusal('grafana', body).message).toContain('This is no message of Grafana')
  })
})

describe('proxmox', () => {
  it('tells which guest of a job failed, without the log of the run', () => {
    expect(one('proxmox', proxmox.backupFailed)).toMatchObject({
      status: 'firing',
      fingerprint: 'vzdump/pve/backup-0a1b2c3d-e4f5',
      name: 'vzdump',
      severity: 'warning',
      title: 'Backup on pve failed: 123 immich',
      text: expect.stringMatching(/^vzdump backup status[\s\S]*Total size: 12\.001 GiB$/),
      labels: { type: 'vzdump', hostname: 'pve', 'job-id': 'backup-0a1b2c3d-e4f5' },
      startsAt: '2026-11-26T01:02:47.000Z',
    })
  })

  it('ends the failure when the same job went well', () => {
    const later = new Date('2026-11-27T06:00:00.000Z')
    expect(one('proxmox', proxmox.backupWell, later)).toMatchObject({
      status: 'resolved',
      fingerprint: one('proxmox', proxmox.backupFailed).fingerprint,
      endsAt: '2026-11-27T01:02:47.000Z',
    })
  })

  it('tells backups that were begun by hand apart by their guests', () => {
    const byHand = (body: { readonly fields: object; readonly message: string }, vmid: string) =>
      one('proxmox', {
        ...body,
        fields: { type: 'vzdump', hostname: 'pve' },
        message: body.message
          .split('\n')
          .filter((text) => !/^1\d\d /.test(text) || text.startsWith(vmid))
          .join('\n'),
      })
    expect(byHand(proxmox.backupFailed, '123')).toMatchObject({
      status: 'firing',
      fingerprint: 'vzdump/pve/123',
      labels: { vmid: '123' },
    })
    expect(byHand(proxmox.backupWell, '110').fingerprint).toBe('vzdump/pve/110')
    expect(byHand(proxmox.backupWell, '123')).toMatchObject({
      status: 'resolved',
      fingerprint: 'vzdump/pve/123',
    })
  })

  test.each([
    ['fencing', proxmox.fencing, 'critical', 'fencing/pve'],
    ['replication', proxmox.replication, 'warning', 'replication/pve/104-0'],
    ['updates', proxmox.updates, 'info', 'package-updates/pve'],
    ['smart', proxmox.smart, 'warning', `system-mail/pve/${proxmox.smart.title}`],
  ] as const)('%s is told once, because nothing says when it is over', (_, body, severity, fingerprint) => {
    expect(one('proxmox', body)).toMatchObject({ status: 'firing', severity, fingerprint, once: true })
  })

  it('shows a test, which is over when somebody has seen it', () => {
    expect(one('proxmox', proxmox.test)).toMatchObject({
      title: 'Test notification',
      severity: 'info',
      fingerprint: 'notification/Test notification',
      once: true,
    })
  })

  it('has a clock of its own, which may be wrong', () => {
    const at = (timestamp: unknown) => one('proxmox', { ...proxmox.fencing, timestamp }).startsAt
    expect(at('1795654967')).toBe('2026-11-26T01:02:47.000Z')
    for (const odd of [4_000_000_000, Number.NaN, 'x', -1, null, 1e300])
      expect(at(odd)).toBe(now.toISOString())
  })

  test.each([
    [null, 'must be an object'],
    [{ message: 'x' }, 'has no "title"'],
    [{ title: 'x' }, 'has no "severity"'],
  ])('refuses %j', (body, reason) => {
    expect(refusal('proxmox', body).message).toContain(reason)
  })

  it('asks for a body that is JSON whatever stands in the texts', () => {
    const filled = proxmoxBody
      .replaceAll(/\{\{escape (\w+)\}\}/g, () => JSON.stringify('a "b"\n\\').slice(1, -1))
      .replace('{{severity}}', 'info')
      .replace('{{timestamp}}', '1795654967')
      .replace('{{json fields}}', '{"type":"fencing"}')
    expect(one('proxmox', JSON.parse(filled))).toMatchObject({ title: 'a "b" \\', name: 'fencing' })
  })
})

describe('kuma', () => {
  it('is known by the id of its monitor, down and up', () => {
    const down = one('kuma', kuma.down)
    expect(down).toMatchObject({
      status: 'firing',
      fingerprint: 'monitor/29',
      name: 'Plex',
      severity: 'warning',
      title: 'Plex is down',
      text: 'connect ECONNREFUSED 192.168.1.110:32400',
      labels: { monitor: 'Plex', kind: 'down', type: 'http', url: 'http://192.168.1.110:32400/identity' },
      startsAt: '2026-11-26T03:04:05.678Z',
    })
    expect(one('kuma', kuma.up)).toMatchObject({
      status: 'resolved',
      fingerprint: 'monitor/29',
      title: 'Plex is up',
      endsAt: '2026-11-26T03:14:05.678Z',
    })
    expect(one('kuma', { ...kuma.down, monitor: { ...kuma.down.monitor, tags: [] } }).severity).toBe(
      'critical',
    )
  })

  test.each([2, 3])('status %i is neither down nor up', (status) => {
    expect(read('kuma', { ...kuma.down, heartbeat: { ...kuma.down.heartbeat, status } })).toEqual([])
  })

  it('takes a test for no news', () => {
    expect(read('kuma', kuma.test)).toEqual([])
  })

  it('tells of a certificate that comes to its end, once for each', () => {
    const seven = one('kuma', kuma.certificate)
    expect(seven).toMatchObject({
      name: 'CertificateExpires',
      severity: 'warning',
      once: true,
      labels: { monitor: 'Plex', kind: 'certificate', days: '7' },
    })
    const two = one('kuma', { ...kuma.certificate, msg: kuma.certificate.msg.replace('7 days', '2 days') })
    expect(two).toMatchObject({ fingerprint: seven.fingerprint, severity: 'critical' })
  })

  it('passes on what it does not know', () => {
    const alert = one('kuma', { heartbeat: null, monitor: null, msg: 'Something new' })
    expect(alert).toMatchObject({ severity: 'info', title: 'Something new', once: true })
  })

  test.each([
    [{}, 'has no "heartbeat"'],
    [{ heartbeat: {}, monitor: {} }, 'has no "id"'],
    [{ heartbeat: { status: 'x' }, monitor: { id: 1 } }, 'is not 0 to 3'],
    [{ heartbeat: 1, monitor: 2 }, 'must be objects'],
  ])('refuses %j', (body, reason) => {
    expect(refusal('kuma', body).message).toContain(reason)
  })
})

describe('generic', () => {
  it('takes one, a list, and a list with a name', () => {
    const alert = {
      name: 'DiskFull',
      severity: 'high',
      text: 'a\nb',
      labels: { service: 'plex' },
      link: 'https://x/y',
    }
    const single = one('generic', alert)
    expect(single).toMatchObject({
      status: 'firing',
      name: 'DiskFull',
      title: 'DiskFull',
      severity: 'critical',
      text: 'a\nb',
      link: 'https://x/y',
      startsAt: now.toISOString(),
    })
    expect(one('generic', [alert])).toEqual(single)
    expect(one('generic', { alerts: [alert] })).toEqual(single)
    const over = one('generic', { ...alert, status: 'resolved', severity: 'low' })
    expect(over).toMatchObject({ status: 'resolved', fingerprint: single.fingerprint })
    expect(one('generic', { title: 'Only a title', fingerprint: 7 })).toMatchObject({
      name: 'Only a title',
      fingerprint: '7',
    })
  })

  test.each([
    [7, 'it must be an object'],
    [{}, 'it needs a "name" or a "title"'],
    [[], 'the list is empty'],
    [{ name: 'x', status: 'ok' }, 'its "status" must be firing or resolved, not "ok"'],
    [{ name: 'x', labels: [] }, 'its "labels" must be an object'],
    [{ alerts: [{ status: 'firing' }] }, 'alerts[0]: it needs a "name" or a "title"'],
  ])('refuses %j', (body, reason) => {
    const { message: said, hint } = refusal('generic', body)
    expect(said).toContain(reason)
    expect(hint).toContain('"name"')
  })
})

test('ten thousand alerts are read in a moment', () => {
  const alerts = Array.from({ length: 10_000 }, (_, index) =>
    alertOf({ fingerprint: undefined, labels: { alertname: 'Flood', instance: `h${index}` } }),
  )
  const read = readAlerts('alertmanager', 'alertmanager', message(...alerts), now)
  expect(new Set(read.map(({ fingerprint }) => fingerprint)).size).toBe(10_000)
})
