/** The two credentials of the node. */
import type { Rights } from '../../src/rights.ts'

export const botCredentialType = 'homelabBotApi'
export const fileCredentialType = 'homelabFileApi'

/** The fields of the Homelab Bot credential. */
export interface BotCredential extends Rights {
  readonly url: string
}
