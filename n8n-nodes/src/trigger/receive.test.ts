import type { IWebhookFunctions } from 'n8n-workflow'
import { expect, it } from 'vitest'
import { receiveNotification } from './notification.ts'

const body = { title: 't', message: 'm', severity: 'info', timestamp: 1_764_115_200, fields: {} }

/** One request, as n8n hands it over. */
async function sent(secret: string, given = secret) {
  const answer: { status?: number } = {}
  const response = {
    status(code: number) {
      answer.status = code
      return response
    },
    json: () => response,
    end: () => response,
  }
  const context = {
    getCredentials: () => Promise.resolve({ secret }),
    getHeaderData: () => ({ 'x-homelab-secret': given }),
    getBodyData: () => body,
    getRequestObject: () => ({}),
    getResponseObject: () => response,
    getNodeParameter: (_: string, fallback: unknown) => fallback,
    getMode: () => 'manual',
    logger: { warn: () => undefined },
  }
  const { workflowData } = await receiveNotification(context as unknown as IWebhookFunctions)
  return { status: answer.status, started: workflowData !== undefined }
}

it('lets in who has the secret', async () => {
  expect(await sent('s'.repeat(16))).toEqual({ status: 204, started: true })
  expect(await sent('s'.repeat(16), 'x'.repeat(16))).toEqual({ status: 401, started: false })
})

it.each(['', 'short', 's'.repeat(15), ` ${'s'.repeat(14)} `])(
  'lets in nobody by a secret that could be guessed: "%s"',
  async (secret) => {
    expect(await sent(secret)).toEqual({ status: 401, started: false })
  },
)
