import type { ErrorCode } from '@homelab/core'

/** What scripts can tell apart. 0 is done; 130 is what a shell says for Ctrl-C. */
export const exitCodes: Record<ErrorCode, number> = {
  failed: 1,
  bug: 1,
  usage: 2,
  config: 2,
  denied: 3,
  unauthorised: 3,
  untrusted: 3,
  'not-found': 4,
  ambiguous: 4,
  locked: 5,
  conflict: 5,
  unreachable: 6,
  timeout: 6,
  unclear: 7,
  cancelled: 130,
}

export const exitCode = (error: string | undefined): number =>
  error === undefined ? 0 : (exitCodes[error as ErrorCode] ?? 1)
