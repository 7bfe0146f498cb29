/** What the locators' "From List" offer: guests, nodes, storages. One call to the cluster each. */
import { HomelabError } from '@homelab/core'
import type { Guest, Overview } from '@homelab/core/proxmox'
import type { ILoadOptionsFunctions, INodeListSearchItems, INodeListSearchResult } from 'n8n-workflow'
import { nodeError } from './errors.ts'
import { proxmoxClient, proxmoxCredential } from './proxmox.ts'

/** The editor loads further pages while one scrolls. */
const pageSize = 500

export async function searchGuests(
  this: ILoadOptionsFunctions,
  filter?: string,
  paginationToken?: string,
): Promise<INodeListSearchResult> {
  return await overviewOf(this, (overview, url) =>
    guestPage(overview, webAddress(url), filter, paginationToken),
  )
}

export async function searchNodes(
  this: ILoadOptionsFunctions,
  filter?: string,
): Promise<INodeListSearchResult> {
  return await overviewOf(this, ({ nodes }) =>
    named(
      nodes.map(({ node, status }) => ({ name: `${node} (${status})`, value: node })),
      filter,
    ),
  )
}

export async function searchStorages(
  this: ILoadOptionsFunctions,
  filter?: string,
): Promise<INodeListSearchResult> {
  return await overviewOf(this, ({ storages }) =>
    named(
      storages.map(({ storage, plugin }) => ({ name: `${storage} (${plugin})`, value: storage })),
      filter,
    ),
  )
}

async function overviewOf(
  context: ILoadOptionsFunctions,
  list: (overview: Overview, url: string) => INodeListSearchResult,
): Promise<INodeListSearchResult> {
  try {
    const credential = await proxmoxCredential(context)
    return list(await proxmoxClient(context, credential).overview(), credential.url)
  } catch (error) {
    throw nodeError(context.getNode(), error)
  }
}

/** Each once: a shared storage is there for every node. */
function named(all: readonly INodeListSearchItems[], filter = ''): INodeListSearchResult {
  const wanted = filter.trim().toLowerCase()
  const found = new Map(all.map((each) => [each.value, each]))
  return {
    results: [...found.values()]
      .filter(({ name }) => name.toLowerCase().includes(wanted))
      .toSorted((a, b) => a.name.localeCompare(b.name)),
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
  name: `${guest.name} (${guest.type === 'lxc' ? 'CT' : 'VM'} ${guest.vmid} on ${guest.node}, ${guest.template ? 'template' : guest.status})`,
  value: String(guest.vmid),
  // The guest's page in Proxmox's own interface.
  ...(origin === undefined ? {} : { url: `${origin}/#v1:0:=${guest.type}%2F${guest.vmid}` }),
})
