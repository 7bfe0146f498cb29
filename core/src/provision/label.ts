/** How what this program made is marked in Proxmox. */
import type { Json } from '../operation/types.ts'
import type { Found } from './types.ts'

export const describe = (title: string, mark: string): string => `${title}, made by homelab (${mark})`

/** Whether a guest's configuration has the mark that `describe` was given. */
export const bears =
  (mark: string) =>
  (config: Readonly<Record<string, Json>>): boolean =>
    String(config.description ?? '').includes(mark)

export const tags = (found: Found): string => ['homelab', found.from.blueprint.stack].join(';')

/** What `describe` was given; undefined of a guest that is not marked so. */
export const titleIn = (description: string): string | undefined =>
  /^(.+), made by homelab \(\w+\)/.exec(description)?.[1]
