/** The simulated lab as n8n's credentials name it. */
import type { Simulator } from '../../../support/simulator.ts'

export const proxmoxCredential = ({ lab }: Simulator): Record<string, unknown> => ({
  url: lab.pve,
  tokenId: lab.token.id,
  tokenSecret: lab.token.secret,
  ca: lab.ca,
  ignoreSslIssues: false,
  readOnly: false,
  aiMayChange: false,
})
