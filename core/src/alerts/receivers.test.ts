import { expect, test } from 'vitest'
import { receiversFor } from './receivers.ts'

const file = (...receivers: readonly string[]) => `receivers:\n${receivers.join('\n')}`
const hook = (name: string, url: string) => `- name: ${name}\n  webhook_configs: [{ url: "${url}" }]`
const mail = '- name: mail\n  email_configs: [{ to: me@example.org }]'
const nowhere = '- name: nowhere'

test.each([
  [
    'by the end of the address',
    file(hook('us', 'http://desk:8080/alerts/lab'), hook('n8n', 'http://n8n/hook'), mail, nowhere),
    ['us'],
  ],
  [
    'for each source its own',
    file(hook('a', 'http://desk/alerts/other'), hook('b', 'https://desk/x/alerts/lab/')),
    ['b'],
  ],
  [
    'where addresses are hidden, all that could',
    file(hook('a', '<secret>'), hook('b', '<secret>'), mail),
    ['a', 'b'],
  ],
  ['by way of another one', file(hook('n8n', 'http://n8n/hook'), mail, nowhere), ['n8n', 'mail']],
  ['nobody is sent anything', file(nowhere), undefined],
  ['no file', '}{', undefined],
  ['something else', 'route: 1', undefined],
])('%s', (_, text, expected) => {
  expect(receiversFor(text, 'lab')).toEqual(expected === undefined ? undefined : new Set(expected))
})
