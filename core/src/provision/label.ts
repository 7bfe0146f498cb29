/** How what this program made is marked in Proxmox. */
import type { Found } from './types.ts'

export const describe = (title: string, mark: string): string => `${title}, made by homelab (${mark})`

export const tags = (found: Found): string => ['homelab', found.from.blueprint.stack].join(';')

/** What `describe` was given; undefined of a guest that is not marked so. */
export const titleIn = (description: string): string | undefined =>
  /^(.+), made by homelab \(\w+\)/.exec(description)?.[1]
