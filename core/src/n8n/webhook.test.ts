import { expect, test } from 'vitest'
import type { WorkflowEntry } from '../inventory/n8n-schema.ts'
import { WorkflowBody } from './schemas.ts'
import { requestOf, toWorkflow } from './webhook.ts'

const node = (parameters: object, more: object = {}) => ({
  name: 'In',
  type: 'n8n-nodes-base.webhook',
  parameters,
  ...more,
})
const webhooksOf = (...nodes: object[]) =>
  toWorkflow(WorkflowBody.parse({ id: 1, name: 'x', active: true, nodes })).webhooks
const entry: WorkflowEntry = {
  name: 'x',
  workflow: 'x',
  role: 'operator',
  confirm: false,
  header: 'X-Homelab-Token',
}

test('a node that takes several methods is called with the one that is for changes', () => {
  expect(webhooksOf(node({ path: 'a', httpMethod: ['GET', 'PUT'] }))).toMatchObject([{ method: 'PUT' }])
  expect(webhooksOf(node({ path: 'a' }))).toMatchObject([{ method: 'GET', asks: 'nothing' }])
  expect(webhooksOf(node({ path: 'a', httpMethod: 'HEAD' }))).toEqual([])
})

test('its path is its own, or its number when it has none', () => {
  expect(webhooksOf(node({ path: '/a/b/' }))).toMatchObject([{ path: 'a/b' }])
  expect(webhooksOf(node({}, { webhookId: 'u-1' }))).toMatchObject([{ path: 'u-1' }])
})

test('what only the caller or n8n knows cannot be called', () => {
  expect(webhooksOf(node({ path: 'user/:id' }), node({ path: '={{ $env.X }}' }), node({}))).toEqual([])
})

test('before n8n 2 there is no published version: the workflow is its own', () => {
  const old = { id: 1, name: 'x', active: true, nodes: [node({ path: 'a' })] }
  expect(toWorkflow(WorkflowBody.parse(old))).toMatchObject({ active: true, webhooks: [{ path: 'a' }] })
  expect(toWorkflow(WorkflowBody.parse({ ...old, activeVersion: null }))).toMatchObject({ active: false })
})

test('nothing of a call can leave its place in the address', () => {
  const webhook = { node: 'In', method: 'GET', path: 'a b/ü', asks: 'nothing' } as const
  const call = { mark: 'm', by: 'ann&by=root', text: '#?' }
  expect(requestOf('https://n8n/webhook', webhook, entry, call, undefined)).toEqual({
    method: 'GET',
    url: 'https://n8n/webhook/a%20b/%C3%BC?homelab=m&by=ann%26by%3Droot&text=%23%3F',
    headers: { accept: 'application/json' },
  })
})
