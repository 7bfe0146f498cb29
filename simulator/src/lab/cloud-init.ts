/** What a machine is told at its start by a drive that Proxmox writes for it. Facts: PVE::QemuServer, drive_is_cloudinit. */
import type { Guest } from './model.ts'

export const isCloudInit = (value: string): boolean =>
  /[:/](?:vm-\d+-)?cloudinit(?:\.raw|\.qcow2)?$/.test(value.split(',')[0] ?? '')

/** It has the address that `ipconfig0` says. */
export function cloudInit(guest: Guest): void {
  const address = /(?:^|,)ip=([\d.]+)\//.exec(guest.config.ipconfig0 ?? '')?.[1]
  if (address !== undefined && Object.values(guest.config).some(isCloudInit)) guest.ip = address
}
