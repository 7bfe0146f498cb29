/** Fields that the operations on a guest's life share. */
import { z } from 'zod'

export const guestInput = z.string().describe('Guest name or VMID').meta({ suggest: 'guests' })

/** As Proxmox takes it for a host name. */
export const hostnameInput = z
  .string()
  .regex(
    /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/,
    'letters, digits and dashes only, as in a host name',
  )

export const vmidInput = z
  .int()
  .min(100)
  .max(999_999_999)
  .optional()
  .describe('Its VMID; default: the next free one')

export const tagsInput = z
  .array(z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_+.-]*$/, 'letters, digits and "_", "+", ".", "-" only'))
  .max(50)

/** Proxmox keeps tags in lower case, and its list is split at `;`. */
export const tagsText = (tags: readonly string[]): string =>
  [...new Set(tags.map((tag) => tag.toLowerCase()))].toSorted().join(';')
