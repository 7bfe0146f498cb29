/** The switches that credentials have in common: what may be changed with one at all, and by whom. */
import type { INodeProperties } from 'n8n-workflow'

export const readOnly: INodeProperties = {
  displayName: 'Read Only',
  name: 'readOnly',
  type: 'boolean',
  default: false,
  description: 'Whether to refuse every change made with this credential, before anything is sent',
}

export const aiMayChange: INodeProperties = {
  displayName: 'Allow Changes by AI Agents',
  name: 'aiMayChange',
  type: 'boolean',
  default: false,
  displayOptions: { show: { readOnly: [false] } },
  description: 'Whether an AI agent that uses a node as its tool may change things, and not only read',
}
