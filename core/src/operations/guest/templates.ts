/** Container templates by what people call them. */
import { HomelabError, isHomelabError } from '../../errors.ts'
import type { Template } from '../../proxmox/provision-types.ts'
import type { Overview, Proxmox } from '../../proxmox/types.ts'
import { storagesFor } from './places.ts'

const fileOf = ({ volid }: Template): string => volid.split('/').at(-1) ?? volid
/** `debian-12-standard` of `debian-12-standard_12.7-1_amd64.tar.zst`: the same, in another version. */
const kindOf = (template: Template): string => fileOf(template).split('_')[0] ?? ''

const natural = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true })

/**
 * @param wanted a volume id, or part of a name: then the newest version of it
 * @throws HomelabError `not-found` with those that there are, `ambiguous` when it fits several kinds
 */
export async function templateNamed(
  wanted: string,
  node: string,
  { overview, proxmox }: { readonly overview: Overview; readonly proxmox: Proxmox },
  signal: AbortSignal,
): Promise<Template> {
  const all: Template[] = []
  const failed: unknown[] = []
  for (const storage of storagesFor(overview, node, 'vztmpl')) {
    try {
      all.push(...(await proxmox.provision.templates({ node, storage }, signal)))
    } catch (error) {
      signal.throwIfAborted()
      // One storage that hangs must not hide what is on the others.
      failed.push(error)
    }
  }
  const exact = all.find(({ volid }) => volid === wanted)
  if (exact !== undefined) return exact
  const fits = all
    .filter((template) => fileOf(template).toLowerCase().includes(wanted.toLowerCase()))
    .toSorted((a, b) => natural(fileOf(b), fileOf(a)))
  const kinds = [...new Set(fits.map(kindOf))]
  if (kinds.length > 1)
    throw new HomelabError('ambiguous', `"${wanted}" fits ${kinds.length} templates on ${node}.`, {
      hint: `Say more of its name: ${kinds.slice(0, 8).join(', ')}.`,
      data: { templates: fits.map(({ volid }) => volid) },
    })
  const [newest] = fits
  if (newest !== undefined) return newest
  const [first] = failed
  if (isHomelabError(first) && all.length === 0) throw first
  throw new HomelabError('not-found', `${node} has no template "${wanted}".`, {
    hint:
      all.length === 0
        ? 'None is there: `template list` shows what there is, `template download debian-12-standard` brings one.'
        : `There are ${all.map(fileOf).slice(0, 8).join(', ')}.`,
    data: { templates: all.map(({ volid }) => volid) },
  })
}
