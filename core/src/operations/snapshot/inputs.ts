import { z } from 'zod'

export const guestInput = z.string().describe('Guest name, VMID or service').meta({ suggest: 'guests' })

/** Names that Proxmox keeps for itself: the guest as it is now, and what vzdump and pending changes use. */
const reserved: readonly string[] = ['current', 'vzdump', 'pending']

/** As Proxmox takes it: `pve-configid`, at most 40 characters. */
export const newName = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_-]{1,39}$/,
    'must be 2 to 40 letters, digits, "_" and "-", beginning with a letter',
  )
  .refine((name) => !reserved.includes(name), 'is a name that Proxmox keeps for itself')

/** One that is there: also one that another program named. */
export const nameInput = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,79}$/, 'is no name of a snapshot')
  .describe('Name of the snapshot')
