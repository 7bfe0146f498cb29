import type { INodeCredentialTestResult } from 'n8n-workflow'

/** Characters: it is all that keeps strangers from starting the workflow. */
export const MIN_SECRET_CHARS = 16

/** The credential has no server to ask: what can be said of it is whether it could be guessed. */
export function judgeSecret(secret: unknown): INodeCredentialTestResult {
  const length = String(secret ?? '').trim().length
  return length < MIN_SECRET_CHARS
    ? {
        status: 'Error',
        message: `It has ${length} characters and needs at least ${MIN_SECRET_CHARS}: openssl rand -hex 24`,
      }
    : { status: 'OK', message: 'Put the same secret into the webhook target in Proxmox' }
}
