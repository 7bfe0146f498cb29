/** How what this program made is marked in Proxmox. */
import type { Found } from './types.ts'

export const describe = (title: string, mark: string): string => `${title}, made by homelab (${mark})`

export const tags = (found: Found): string => ['homelab', found.from.blueprint.stack].join(';')
