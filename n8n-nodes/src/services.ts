/** What operations need, made of n8n's helpers and the credentials. Nothing is kept between executions. */
import { HomelabError, type Services, type Shells } from '@homelab/core'
import { createLab, emptyInventory } from '@homelab/core/inventory'
import { n8nClock } from './clock.ts'
import type { HttpContext } from './http.ts'
import type { proxmoxNeeds } from './needs.ts'
import { type ProxmoxCredential, proxmoxClient } from './proxmox.ts'
import type { Commands } from './ssh/credential.ts'

/** One set for all items of an execution, so that they share one look at the cluster. */
export function proxmoxServices(
  context: HttpContext,
  credential: ProxmoxCredential,
  { shells, exec }: Commands = noCommands,
): Pick<Services, (typeof proxmoxNeeds)[number]> {
  const inventory = { ...emptyInventory(), exec }
  const proxmox = proxmoxClient(context, credential)
  return {
    proxmox,
    lab: createLab({ inventory: () => inventory, proxmox, clock: n8nClock }),
    health: noHealth,
    clock: n8nClock,
    shells,
    secrets: noSecrets,
  }
}

/** A field for a secret is not offered: what is typed into a node stands in its workflow. */
const noSecrets: Services['secrets'] = {
  resolve: () =>
    Promise.reject(new HomelabError('config', 'A node takes no references to secrets: leave the field out')),
}

/** Without a homelab.yaml nothing says where a guest's service answers, or that n8n can reach it. */
const noHealth: Services['health'] = {
  check: () => Promise.resolve({ state: 'none', detail: 'no check known', ms: 0 }),
  knows: () => false,
}

const noAccess = (): never => {
  throw new HomelabError('config', 'This runs commands on a node, and there is no way to one', {
    hint: 'Choose an "SSH Host" credential in this node.',
  })
}

/** Where no SSH credential was chosen. */
const noShells: Shells = { host: noAccess, guest: noAccess, has: () => false }
const noCommands: Commands = { shells: noShells, exec: [] }
