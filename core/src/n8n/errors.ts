/** What n8n says when it refuses, as HomelabError. */
import { HomelabError } from '../errors.ts'
import type { WorkflowEntry } from '../inventory/n8n-schema.ts'
import type { HttpResponse } from '../ports.ts'
import type { Webhook } from './types.ts'

/** `message` of its body, or a short plain one. */
function said({ body, statusText }: HttpResponse): string {
  try {
    const parsed: unknown = JSON.parse(body)
    const { message } = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<
      string,
      unknown
    >
    if (typeof message === 'string') return message.slice(0, 300)
  } catch {
    const plain = body.trim()
    if (plain !== '' && plain.length <= 200 && !plain.startsWith('<')) return plain
  }
  return statusText
}

const notN8n = (what: string): HomelabError =>
  new HomelabError('config', `What answers at the address of n8n ${what}.`, {
    hint: '`n8n.url` of homelab.yaml is where n8n itself is: past the login page of a proxy or a tunnel.',
  })

/** @throws HomelabError `config` for a page instead of an answer */
export function answerData(response: HttpResponse, path: string): unknown {
  try {
    return JSON.parse(response.body)
  } catch {
    throw notN8n(`does not speak its API (${path})`)
  }
}

/** For an answer of the API that is not 2xx. */
export function apiError(response: HttpResponse, path: string, scope: string): HomelabError {
  const { status } = response
  const message = said(response)
  const data = { status, path: path.split('?')[0], text: message }
  if (status >= 300 && status < 400) return notN8n('redirects to somewhere else')
  if (status === 401)
    return new HomelabError('unauthorised', 'n8n does not take the API key.', {
      hint: 'Make a new one in n8n under Settings, n8n API, and put it where `n8n.api_key` points.',
      data,
    })
  if (status === 403)
    return new HomelabError('unauthorised', `The API key of n8n lacks the scope ${scope}.`, {
      hint: 'It needs workflow:list, workflow:read, execution:list and execution:read, and nothing that changes anything.',
      data: { ...data, scope },
    })
  if (status === 404 && /^\/(workflows|executions)\/./.test(path))
    return new HomelabError('not-found', `n8n does not know ${path.split('?')[0]}.`, { data })
  if (status === 404)
    return new HomelabError('config', 'n8n answers, but its public API is not there.', {
      hint: 'It may be switched off: N8N_PUBLIC_API_DISABLED. Is `n8n.url` the address that n8n is opened at?',
      data,
    })
  if (status === 429 || status >= 500)
    return new HomelabError('unreachable', `n8n cannot answer at the moment: ${status} ${message}`.trim(), {
      hint: 'Try again in a moment; `logs n8n` may say more.',
      data,
    })
  return new HomelabError('failed', `n8n refuses ${path.split('?')[0]}: ${status} ${message}`.trim(), {
    data,
  })
}

/**
 * Why the call of a webhook began nothing, or may have begun something; undefined when n8n took it.
 * Only answers that n8n itself gives before a workflow begins count as a refusal: a workflow may answer with any status.
 */
export function startError(
  response: HttpResponse,
  webhook: Webhook,
  entry: WorkflowEntry,
): HomelabError | undefined {
  const { status } = response
  if (status >= 200 && status < 300) return undefined
  const message = said(response)
  if (status === 404 && /is not registered/.test(message))
    return new HomelabError('conflict', `n8n does not listen on the webhook "${webhook.node}".`, {
      hint: 'Publish the workflow in n8n again. If its webhooks have an address of their own: `n8n.webhooks` of homelab.yaml.',
    })
  if ((status === 401 || status === 403) && /Authorization (data )?is (wrong|required)/i.test(message))
    return new HomelabError('unauthorised', `n8n does not take the secret of "${entry.name}".`, {
      hint: `The value behind \`token\` of n8n.workflows.${entry.name}, or the name of its \`header\` (${entry.header}), is not what the Webhook node asks for.`,
    })
  if (status === 403 && /IP is not allowed/.test(message))
    return new HomelabError('unauthorised', `The webhook "${webhook.node}" is not open to this machine.`, {
      hint: 'Its node in n8n has a list of addresses that may call it.',
    })
  return new HomelabError('unclear', `n8n answered the start with ${status} ${message}`.trim(), {
    data: { status },
  })
}
