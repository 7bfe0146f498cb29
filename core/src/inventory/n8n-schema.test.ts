import { expect, test } from 'vitest'
import { parseInventory } from './parse.ts'

const parse = (text: string) => parseInventory(text).n8n
const base = 'n8n:\n  url: https://n8n.example.com/\n  api_key: env:N8N_KEY\n'

test('an address and a key are enough, and let nobody start anything', () => {
  expect(parse(base)).toEqual({
    url: 'https://n8n.example.com',
    api_key: { from: 'env', name: 'N8N_KEY' },
    webhooks: 'https://n8n.example.com/webhook',
    workflows: [],
  })
  expect(parse('n8n:\n')).toBeUndefined()
})

test('a workflow is called as here when nothing else is said, and needs an operator', () => {
  const { workflows } =
    parse(
      `${base}  webhooks: https://hooks.example.com/n8n/\n  workflows: { report: , order: { workflow: x1, role: admin, token: 'file:/etc/t', header: X-Key } }`,
    ) ?? {}
  expect(workflows).toEqual([
    { name: 'report', workflow: 'report', role: 'operator', confirm: false, header: 'X-Homelab-Token' },
    {
      name: 'order',
      workflow: 'x1',
      role: 'admin',
      confirm: false,
      header: 'X-Key',
      token: { from: 'file', name: '/etc/t' },
    },
  ])
})

test.each([
  ['n8n: { url: n8n.example.com, api_key: env:K }', 'must be an http or https URL'],
  ['n8n: { url: "https://me:pw@n8n.example.com", api_key: env:K }', 'must be an http or https URL'],
  ['n8n: { url: https://n8n.example.com, api_key: n8n_api_123 }', 'must say where the secret is'],
  [`${base}  workflows: { a: { token: abc } }`, 'must say where the secret is'],
  [`${base}  workflows: { a: { header: "X: y" } }`, 'must be the name of a header'],
  [`${base}  workflows: { a: { rolle: admin } }`, 'rolle'],
])('%j is refused', (text, words) => {
  expect(() => parse(text)).toThrow(words)
})
