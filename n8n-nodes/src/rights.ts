/** What the credential lets a node do, decided before anything is sent. */
import { HomelabError, type Operation } from '@homelab/core'

/** Switches of the credential. */
export interface Rights {
  readonly readOnly?: boolean
  readonly aiMayChange?: boolean
}

/** @throws HomelabError `denied` before anything is sent */
export function permitChange(operation: Operation, rights: Rights, byAgent: boolean): void {
  if (operation.risk === 'read') return
  if (rights.readOnly === true) {
    throw new HomelabError('denied', `"${operation.title}" is a change, and the credential is read-only`, {
      hint: 'Use a credential without "Read Only", or switch it off there.',
    })
  }
  if (byAgent && rights.aiMayChange !== true) {
    throw new HomelabError('denied', `"${operation.title}" is a change, and AI agents may only read`, {
      hint: 'Switch on "Allow Changes by AI Agents" in the credential if the agent is meant to do it.',
    })
  }
}
