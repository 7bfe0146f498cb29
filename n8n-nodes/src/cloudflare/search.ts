/** The list of the tunnel's locator. */
import type { ILoadOptionsFunctions, INodeListSearchResult } from 'n8n-workflow'
import { nodeError } from '../errors.ts'
import { cloudflareClient, cloudflareCredential } from './client.ts'

export async function searchTunnels(
  this: ILoadOptionsFunctions,
  filter = '',
): Promise<INodeListSearchResult> {
  try {
    const tunnels = await cloudflareClient(this, await cloudflareCredential(this)).tunnels()
    const wanted = filter.trim().toLowerCase()
    return {
      results: tunnels
        .filter(({ name, id }) => name.toLowerCase().includes(wanted) || id.startsWith(wanted))
        .toSorted((a, b) => a.name.localeCompare(b.name))
        .map(({ id, name, status }) => ({ name: `${name} (${status})`, value: id })),
    }
  } catch (error) {
    throw nodeError(this.getNode(), error)
  }
}
