/** Core's typed errors as n8n shows them: the message says what happened, the description what to do. */
import { type ErrorCode, type ErrorData, errorData } from '@homelab/core'
import { type IDataObject, type INode, NodeApiError, NodeOperationError } from 'n8n-workflow'

/** What to do next in n8n, where core names a chat command or its usage. */
const stepsHere: Partial<Record<ErrorCode, string>> = {
  usage: 'Correct the field in this node, or the expression that fills it.',
  'not-found': 'Choose it from the list: it may have been renamed or deleted since.',
  denied: 'The credentials of this node do not allow it.',
  locked: 'Wait until that has ended, then run it again.',
  unclear: 'It was not repeated. Look at what is there now, then decide.',
}

/** The peer's doing; all others are the workflow's or the configuration's. */
const fromPeer: ReadonlySet<ErrorCode> = new Set([
  'unauthorised',
  'untrusted',
  'unreachable',
  'timeout',
  'unclear',
  'failed',
])

export function nodeError(
  node: INode,
  error: unknown,
  itemIndex?: number,
): NodeApiError | NodeOperationError {
  if (error instanceof NodeApiError || error instanceof NodeOperationError) return error
  const data = errorData(error)
  const description = descriptionOf(data)
  const options = {
    message: data.message,
    ...(description === '' ? {} : { description }),
    ...(itemIndex === undefined ? {} : { itemIndex }),
  }
  if (!fromPeer.has(data.code)) {
    return new NodeOperationError(node, error instanceof Error ? error : data.message, options)
  }
  const status = data.data?.status
  return new NodeApiError(
    node,
    { message: data.message },
    {
      ...options,
      ...(typeof status === 'number' ? { httpCode: String(status) } : {}),
    },
  )
}

/** What an item holds that failed while the workflow goes on. These keys are what n8n's error output looks for. */
export function errorItem(error: unknown): IDataObject {
  const known = errorData(error)
  const hint = nextStep(known)
  return {
    error: known.message,
    details: {
      code: known.code,
      ...(hint === undefined ? {} : { hint }),
      ...(known.data as IDataObject | undefined),
    },
  }
}

function nextStep({ code, hint }: ErrorData): string | undefined {
  const forChat = hint === undefined ? code === 'usage' : /`|^\/homelab |^Usage: |^Type /.test(hint)
  return forChat ? stepsHere[code] : hint
}

function descriptionOf(error: ErrorData): string {
  const log = Array.isArray(error.data?.log) ? error.data.log.map(String) : []
  const parts = [nextStep(error)].filter((part) => part !== undefined)
  if (log.length > 0) parts.push(`Last lines of the task's log:\n${log.slice(-10).join('\n')}`)
  return parts.join('\n\n')
}
