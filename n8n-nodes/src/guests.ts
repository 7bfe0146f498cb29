/** The guest locator's "From List". */
import { HomelabError } from '@homelab/core'
import type { Guest, Overview } from '@homelab/core/proxmox'
import type { ILoadOptionsFunctions, INodeListSearchItems, INodeListSearchResult } from 'n8n-workflow'
import { nodeError } from './errors.ts'
import { proxmoxCredential, proxmoxServices } from './services.ts'

/** The editor loads further pages while one scrolls. */
const pageSize = 500

export async function searchGuests(
  this: ILoadOptionsFunctions,
  filter?: string,
  paginationToken?: string,
): Promise<INodeListSearchResult> {
  try {
    const credential = await proxmoxCredential(this)
    const overview = await proxmoxServices(this, credential).proxmox.overview()
    return guestPage(overview, webAddress(credential.url), filter, paginationToken)
  } catch (error) {
    throw nodeError(this.getNode(), error)
  }
}

/** Undefined for a bare name such as `pve`, which the client takes too. */
const webAddress = (url: string): string | undefined =>
  /^\s*https?:\/\//i.test(url) && URL.canParse(url) ? new URL(url).origin : undefined

function guestPage(
  overview: Pick<Overview, 'guests' | 'filtered'>,
  origin: string | undefined,
  filter = '',
  paginationToken = '0',
): INodeListSearchResult {
  if (overview.filtered) {
    throw new HomelabError('unauthorised', 'The API token may see no guest at all', {
      hint: 'On the node: pveum acl modify /vms --tokens USER@REALM!NAME --roles PVEAuditor',
    })
  }
  const wanted = filter.trim().toLowerCase()
  const found = overview.guests
    .filter((guest) => !guest.template)
    .filter((guest) => guest.name.toLowerCase().includes(wanted) || String(guest.vmid).startsWith(wanted))
    .toSorted((a, b) => a.name.localeCompare(b.name) || a.vmid - b.vmid)
  const start = Number(paginationToken)
  const end = start + pageSize
  return {
    results: found.slice(start, end).map((guest) => entry(guest, origin)),
    ...(end < found.length ? { paginationToken: String(end) } : {}),
  }
}

const entry = (guest: Guest, origin: string | undefined): INodeListSearchItems => ({
  name: `${guest.name} (${guest.type === 'lxc' ? 'CT' : 'VM'} ${guest.vmid} on ${guest.node}, ${guest.status})`,
  value: String(guest.vmid),
  // The guest's page in Proxmox's own interface.
  ...(origin === undefined ? {} : { url: `${origin}/#v1:0:=${guest.type}%2F${guest.vmid}` }),
})
