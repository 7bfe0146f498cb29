/**
 * What can be done with Cloudflare alone, for n8n: the tunnel is a field. With a homelab.yaml there are `tunnel.*`, which know the
 * services and Traefik; so these are in no registry of the bot.
 */
import { hostnameAdd } from './add.ts'
import { tunnelDrift } from './compare.ts'
import { connectorList, dnsList, hostnameList, tunnelList, tunnelStatus } from './reads.ts'
import { hostnameRemove } from './remove.ts'
import { tunnelRotate } from './rotate.ts'

export { tokenWarning } from './rotate.ts'
export { type HostnameServices, hostnameNeeds, noTraefik } from './services.ts'

export const hostnameOperations = [
  hostnameList,
  hostnameAdd,
  hostnameRemove,
  dnsList,
  connectorList,
  tunnelList,
  tunnelStatus,
  tunnelDrift,
  tunnelRotate,
] as const
