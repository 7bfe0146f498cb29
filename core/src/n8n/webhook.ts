/** The trigger by which a workflow is started from outside: n8n's public API has no call for that. */
import { HomelabError } from '../errors.ts'
import type { WorkflowEntry } from '../inventory/n8n-schema.ts'
import { joinWords } from '../nearest.ts'
import type { HttpRequest } from '../ports.ts'
import type { Node, WorkflowBody } from './schemas.ts'
import type { Webhook, Workflow, WorkflowCall } from './types.ts'

const WEBHOOK = 'n8n-nodes-base.webhook'
/** The one that is used when a node takes several: a change is a POST. */
const methods = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET'] as const

export function toWorkflow(body: WorkflowBody): Workflow {
  // What n8n listens on is the published version, not the one in the editor.
  const nodes = body.activeVersion?.nodes ?? body.nodes
  return {
    id: body.id,
    name: body.name,
    active: body.active && body.activeVersion !== null,
    archived: body.isArchived,
    version: body.activeVersion?.versionId ?? body.versionId ?? '',
    webhooks: nodes.filter((node) => node.type === WEBHOOK && !node.disabled).flatMap(toWebhook),
  }
}

function toWebhook({ name, webhookId, parameters }: Node): Webhook[] {
  const { path, httpMethod = 'GET', authentication = 'none' } = parameters
  const taken = [httpMethod].flat()
  const method = methods.find((each) => taken.includes(each))
  if (method === undefined) return []
  const wanted = typeof path === 'string' && path !== '' ? path : webhookId
  // A part that is filled in by the caller, and one that n8n computes: neither can be known here.
  if (typeof wanted !== 'string' || wanted === '' || /(^|\/):|^=/.test(wanted)) return []
  return [
    {
      node: name,
      method,
      path: wanted.replace(/^\/+|\/+$/g, ''),
      asks: authentication === 'none' ? 'nothing' : authentication === 'headerAuth' ? 'header' : 'other',
    },
  ]
}

/** @throws HomelabError that says what to change in n8n or in homelab.yaml */
export function webhookOf(workflow: Workflow, entry: WorkflowEntry): Webhook {
  const title = `The workflow "${workflow.name}"`
  const wrong = (message: string, hint: string) =>
    new HomelabError('conflict', `${title} ${message}`, { hint, data: { workflow: workflow.id } })
  if (workflow.archived) throw wrong('is archived.', 'Bring it back in n8n, and publish it.')
  if (!workflow.active)
    throw wrong('is not published, so n8n listens to none of its webhooks.', 'Publish it in n8n.')
  const { webhooks } = workflow
  const found = entry.webhook === undefined ? webhooks : webhooks.filter(({ node }) => node === entry.webhook)
  const [webhook] = found
  if (webhook === undefined)
    throw entry.webhook === undefined
      ? wrong(
          'has no Webhook node to start it by.',
          "n8n's API cannot start a workflow: add a Webhook node (POST, Header Auth) in n8n, and publish it.",
        )
      : wrong(
          `has no Webhook node "${entry.webhook}".`,
          webhooks.length === 0
            ? 'Add one in n8n, and publish it.'
            : `It has ${joinWords(webhooks.map(({ node }) => node))}: \`webhook\` of homelab.yaml names one.`,
        )
  if (found.length > 1)
    throw wrong(
      `has ${found.length} Webhook nodes: ${joinWords(found.map(({ node }) => node))}.`,
      `Name one in homelab.yaml: \`webhook\` of n8n.workflows.${entry.name}.`,
    )
  if (webhook.asks === 'other')
    throw wrong(
      `has a Webhook node that asks for something else than a header.`,
      'Set its authentication to Header Auth in n8n, and give the value in homelab.yaml.',
    )
  if (webhook.asks === 'header' && entry.token === undefined)
    throw new HomelabError(
      'config',
      `${title} asks for a secret header, and homelab.yaml does not have it.`,
      {
        hint: `Add \`token: env:NAME\` to n8n.workflows.${entry.name}, and \`header\` when it is not ${entry.header}.`,
      },
    )
  return webhook
}

/** @param secret the value of the entry's header */
export function requestOf(
  base: string,
  webhook: Webhook,
  entry: WorkflowEntry,
  call: WorkflowCall,
  secret: string | undefined,
): HttpRequest {
  const path = webhook.path.split('/').map(encodeURIComponent).join('/')
  const { mark, by, text } = call
  const given = { homelab: mark, by, ...(text === undefined ? {} : { text }) }
  const query = webhook.method === 'GET' || webhook.method === 'DELETE'
  const pairs = Object.entries(given).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return {
    method: webhook.method,
    url: `${base}/${path}${query ? `?${pairs.join('&')}` : ''}`,
    headers: {
      accept: 'application/json',
      ...(query ? {} : { 'content-type': 'application/json' }),
      ...(secret === undefined ? {} : { [entry.header]: secret }),
    },
    ...(query ? {} : { body: JSON.stringify(given) }),
  }
}
