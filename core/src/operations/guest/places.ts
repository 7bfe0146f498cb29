/** Where a guest and its disks go: named, or the only place that there is. */
import { HomelabError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import type { Overview } from '../../proxmox/types.ts'

/** What a storage must take: root disks of containers, disks of VMs, archives, templates. */
export type StorageContent = 'rootdir' | 'images' | 'backup' | 'vztmpl'

const words: Readonly<Record<StorageContent, string>> = {
  rootdir: 'disks of containers',
  images: 'disks of VMs',
  backup: 'archives',
  vztmpl: 'templates',
}

export const storagesFor = (
  overview: Pick<Overview, 'storages'>,
  node: string,
  content: StorageContent,
): readonly string[] =>
  overview.storages
    .filter((each) => each.node === node && each.status === 'available' && each.content.includes(content))
    .map(({ storage }) => storage)

/**
 * @param preferred of which one is taken when nothing is named, if it is there
 * @throws HomelabError `not-found` for one that is not there, `usage` with the choice when there are several
 */
export function storageFor(
  overview: Pick<Overview, 'storages'>,
  node: string,
  content: StorageContent,
  wanted: string | undefined,
  preferred: readonly string[] = [],
): string {
  const all = storagesFor(overview, node, content)
  const there = all.length === 0 ? 'None is there.' : `There are ${all.join(', ')}.`
  if (wanted !== undefined) {
    const found = all.find((each) => each.toLowerCase() === wanted.toLowerCase())
    if (found !== undefined) return found
    throw new HomelabError(
      'not-found',
      `${node} has no storage "${wanted}" for ${words[content]}.${didYouMean(wanted, all)}`,
      { hint: there, data: { storage: wanted, node, storages: all } },
    )
  }
  const chosen = all.filter((each) => preferred.includes(each))
  const [only, ...others] = chosen.length > 0 ? chosen : all
  if (only !== undefined && others.length === 0) return only
  throw new HomelabError(
    only === undefined ? 'not-found' : 'usage',
    only === undefined
      ? `${node} has no storage for ${words[content]}.`
      : `${node} has several storages for ${words[content]}: which one?`,
    { hint: `Say \`storage:\`. ${there}`, data: { node, storages: all } },
  )
}

/** @throws HomelabError `not-found` for one that is not there, `usage` with the choice when there are several */
export function nodeFor(overview: Pick<Overview, 'nodes'>, wanted: string | undefined): string {
  const all = overview.nodes.filter(({ status }) => status === 'online').map(({ node }) => node)
  if (wanted === undefined) {
    const [only, ...others] = all
    if (only !== undefined && others.length === 0) return only
    throw new HomelabError('usage', 'On which node?', { hint: `Say \`node:\`. There are ${all.join(', ')}.` })
  }
  const found = all.find((each) => each.toLowerCase() === wanted.toLowerCase())
  if (found !== undefined) return found
  throw new HomelabError('not-found', `No node "${wanted}" is online.${didYouMean(wanted, all)}`, {
    hint: `There are ${all.join(', ')}.`,
  })
}
