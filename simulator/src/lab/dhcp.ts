/**
 * The address of a guest that was not there at the start: one of the loopback, of which each machine has sixteen million, so that
 * what is installed in it can be asked there, and nobody ever asks a stranger's machine in the network that this one is in.
 */
export const dhcp = (vmid: number): string =>
  `127.${64 + ((vmid >> 16) & 63)}.${(vmid >> 8) & 255}.${vmid & 255}`
