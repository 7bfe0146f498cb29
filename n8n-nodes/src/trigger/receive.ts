/** One request to the Proxmox Notification Trigger: let in, read, told once. */
import type { IDataObject, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow'
import {
  maxBodyBytes,
  passes,
  printOf,
  readNotification,
  remembered,
  sameSecret,
  secretHeader,
  severities,
} from './notification.ts'
import { judgeSecret } from './secret.ts'

/** Answers at once: Proxmox waits for no workflow. Nobody is told why they were refused but by the status. */
export async function receiveNotification(context: IWebhookFunctions): Promise<IWebhookResponseData> {
  const refuse = (status: number, message: string): IWebhookResponseData => {
    context.getResponseObject().status(status).json({ message })
    return { noWebhookResponse: true }
  }
  const { secret } = await context.getCredentials<{ secret: string }>('homelabNotificationApi')
  // A credential is saved whatever its test says.
  if (judgeSecret(secret).status !== 'OK')
    return refuse(401, 'The secret in the credential is too short: nobody is let in by it.')
  const headers = context.getHeaderData()
  const given = headers[secretHeader.toLowerCase()]
  if (typeof given !== 'string' || !(await sameSecret(given, String(secret ?? '').trim())))
    return refuse(401, 'The secret is missing or wrong.')
  if (sizeOf(context) > maxBodyBytes) return refuse(413, 'That is too long.')
  const notification = readNotification(bodyOf(context.getBodyData()))
  if (notification === undefined)
    return refuse(400, 'This is not what the body template of the node makes. Copy it once more.')

  context.getResponseObject().status(204).end()
  const options = context.getNodeParameter('options', {}) as IDataObject
  const wanted = (options.severities ?? []) as readonly string[]
  const types = String(options.types ?? '')
    .split(',')
    .map((type) => type.trim().toLowerCase())
    .filter((type) => type !== '')
  const filter = { severities: wanted.filter((each) => severities.some((known) => known === each)), types }
  if (!passes(notification, filter)) return { noWebhookResponse: true }
  // In the editor the same one may be sent again and again.
  if (context.getMode() !== 'manual') {
    const data = context.getWorkflowStaticData('node') as { seen?: string[] }
    const seen = remembered(data.seen ?? [], await printOf(notification))
    if (seen === undefined) return { noWebhookResponse: true }
    data.seen = [...seen]
  }
  return { noWebhookResponse: true, workflowData: [[{ json: { ...notification } as IDataObject }]] }
}

/** Proxmox sends JSON; a target without a content type has it as text. */
function bodyOf(body: unknown): unknown {
  if (typeof body !== 'string') return body
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function sizeOf(context: IWebhookFunctions): number {
  const { rawBody } = context.getRequestObject() as { rawBody?: { readonly length?: number } }
  return Math.max(Number(context.getHeaderData()['content-length'] ?? 0), rawBody?.length ?? 0)
}
