/** What a Proxmox node can give an operation: `proxmoxServices` makes it. */
export const proxmoxNeeds = ['lab', 'proxmox', 'health', 'clock', 'shells', 'secrets'] as const
