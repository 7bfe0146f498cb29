import { proxmoxBody } from '@homelab/core/alerts'
import { expect, it } from 'vitest'
import { passes, printOfNotification, readNotification } from './notification.ts'
import { judgeSecret, sameSecret, shownSecret } from './secret.ts'
import { unseen } from './seen.ts'

/** As Proxmox fills the template in: `escape` is a JSON string without its quotes, `json` is JSON. */
function filled(values: {
  title: string
  message: string
  severity: string
  timestamp: number
  fields: Record<string, string>
}): string {
  return proxmoxBody.replace(/\{\{(?:(escape|json) )?(\w+)\}\}/g, (_, helper, name: keyof typeof values) => {
    const text = JSON.stringify(values[name])
    return helper === 'escape' ? text.slice(1, -1) : helper === 'json' ? text : String(values[name])
  })
}

const values = {
  title: 'vzdump backup status (pve): backup failed',
  message: 'Details\n=======\nVMID  Name  Status\n110   "plex"  err\\or\n',
  severity: 'error',
  timestamp: 1_764_115_200,
  fields: { type: 'vzdump', hostname: 'pve', 'job-id': 'backup-1' },
}

it('reads what the template makes, whatever is in the message', () => {
  expect(readNotification(JSON.parse(filled(values)))).toEqual({
    title: values.title,
    message: values.message,
    severity: 'error',
    timestamp: '2025-11-26T00:00:00.000Z',
    type: 'vzdump',
    hostname: 'pve',
    fields: values.fields,
  })
})

it.each([
  ['a text', 'hello'],
  ['nothing', null],
  ['a list', []],
  ['another template', { text: 'hello' }],
  ['no time', { title: 'a', message: 'b', severity: 'info', timestamp: 'now', fields: {} }],
  ['a time in milliseconds', { title: 'a', message: 'b', severity: 'info', timestamp: 1.7e12, fields: {} }],
])('does not take %s for one', (_, body) => {
  expect(readNotification(body)).toBeUndefined()
})

it('cuts what is endless', () => {
  const read = readNotification({ ...values, message: 'x'.repeat(500_000) })
  expect(read?.message).toHaveLength(100_001)
  const fields = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`f${n}`, n]))
  expect(Object.keys(readNotification({ ...values, fields })?.fields ?? {})).toHaveLength(100)
})

it('knows the same one again by its content, and one of another second as another', async () => {
  const one = readNotification(values)
  const shuffled = readNotification({
    ...values,
    fields: { 'job-id': 'backup-1', hostname: 'pve', type: 'vzdump' },
  })
  const later = readNotification({ ...values, timestamp: values.timestamp + 1 })
  if (one === undefined || shuffled === undefined || later === undefined) throw new Error('not read')
  const print = await printOfNotification(one)
  expect([await printOfNotification(shuffled), print.length]).toEqual([print, 24])
  expect(await printOfNotification(later)).not.toBe(print)
})

it('forgets what was not seen for the longest time, and at once what has ended', () => {
  const print = (of: string) => ({ print: of })
  expect(unseen(['b', 'a'], [print('c'), print('a'), print('c')], 3)).toEqual({
    fresh: [print('c')],
    prints: ['c', 'a', 'b'],
  })
  expect(unseen(['b', 'a'], [print('c')], 2).prints).toEqual(['c', 'b'])
  expect(unseen(['down'], [{ print: 'up', ends: 'down' }, print('down')], 5)).toMatchObject({
    fresh: [{ print: 'up' }, print('down')],
    prints: ['down', 'up'],
  })
})

it('compares secrets, and takes none for one', async () => {
  expect(await sameSecret('right', 'right')).toBe(true)
  for (const [given, expected] of [
    ['wrong', 'right'],
    ['right ', 'right'],
    ['', 'right'],
    ['', ''],
  ] as const)
    expect(await sameSecret(given, expected)).toBe(false)
  expect(judgeSecret('short').status).toBe('Error')
  expect(judgeSecret('a'.repeat(16)).status).toBe('OK')
})

it.each([
  [{ 'x-homelab-secret': 'mine' }, 'mine'],
  [{ authorization: 'Bearer mine' }, 'mine'],
  [{ authorization: `basic ${btoa('grafana:mi:ne')}` }, 'mi:ne'],
  [{ authorization: `Basic ${btoa('mine')}` }, ''],
  [{ authorization: 'Digest mine' }, ''],
  [{}, ''],
])('reads the secret of %j', (headers, secret) => {
  expect(shownSecret(headers)).toBe(secret)
})

it('passes what the filters want', () => {
  const one = readNotification(values)
  if (one === undefined) throw new Error('not read')
  expect(passes(one, { severities: [], types: [] })).toBe(true)
  expect(passes(one, { severities: ['error'], types: ['vzdump'] })).toBe(true)
  expect(passes(one, { severities: ['info'], types: [] })).toBe(false)
  expect(passes(one, { severities: [], types: ['fencing'] })).toBe(false)
})
