/** One request to a webhook trigger: let in by its secret, read, answered at once; what it tells is told once. */
import { isHomelabError } from '@homelab/core'
import type { IDataObject, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow'
import { judgeSecret, sameSecret, shownSecret } from './secret.ts'
import { type Known, unseen } from './seen.ts'

export const secretCredentialType = 'homelabNotificationApi'

export interface Told extends Known {
  readonly item: IDataObject
}

export interface Reading {
  /** Bytes of a body. */
  readonly maxBytes: number
  /** Prints that the workflow remembers. */
  readonly most: number
  /**
   * What the body tells and the node wants.
   * @param body JSON
   * @throws HomelabError for what can never be right, however often it is sent
   */
  read(body: unknown): Promise<readonly Told[]>
}

/** Answers at once: no sender waits for a workflow. Nobody is told why they were refused but by the status. */
export async function receive(
  context: IWebhookFunctions,
  { maxBytes, most, read }: Reading,
): Promise<IWebhookResponseData> {
  const refuse = (status: number, answer: IDataObject): IWebhookResponseData => {
    context.getResponseObject().status(status).json(answer)
    return { noWebhookResponse: true }
  }
  if (!(await isLetIn(context))) return refuse(401, { message: 'The secret is missing or wrong.' })
  if (sizeOf(context) > maxBytes) return refuse(413, { message: 'That is too long.' })
  let told: readonly Told[]
  try {
    told = await read(bodyOf(context.getBodyData()))
  } catch (error) {
    if (!isHomelabError(error)) throw error
    const { message, hint } = error
    return refuse(400, { message, ...(hint === undefined ? {} : { hint }) })
  }

  context.getResponseObject().status(204).end()
  const fresh = context.getMode() === 'manual' ? told : remembered(context, told, most)
  if (fresh.length === 0) return { noWebhookResponse: true }
  return { noWebhookResponse: true, workflowData: [fresh.map(({ item }) => ({ json: item }))] }
}

async function isLetIn(context: IWebhookFunctions): Promise<boolean> {
  const { secret } = await context.getCredentials<{ secret: string }>(secretCredentialType)
  // A credential is saved whatever its test says.
  const judged = judgeSecret(secret)
  if (judged.status !== 'OK') {
    context.logger.warn(`The secret of the credential lets nobody in. ${judged.message}`)
    return false
  }
  return await sameSecret(shownSecret(context.getHeaderData()), String(secret).trim())
}

/** In the editor the same one may be sent again and again: there nothing is remembered. */
function remembered(context: IWebhookFunctions, told: readonly Told[], most: number): readonly Told[] {
  if (told.length === 0) return told
  const data = context.getWorkflowStaticData('node') as { seen?: string[] }
  const { fresh, prints } = unseen(data.seen ?? [], told, most)
  data.seen = [...prints]
  return fresh
}

/** Most send JSON; what comes without a content type is a text. */
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
