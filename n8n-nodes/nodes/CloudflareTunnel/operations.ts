/** What the node offers: what can be done with Cloudflare alone. With a homelab.yaml the Homelab node has `tunnel.*`. */
import { hostnameOperations } from '@homelab/core/operations/hostname'
import { surfaced } from '../../src/form.ts'
import { overrides } from './overrides.ts'

export const operations = surfaced(hostnameOperations, overrides)
