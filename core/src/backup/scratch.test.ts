import { describe, expect, it } from 'vitest'
import { HomelabError } from '../errors.ts'
import { reachesOut } from '../proxmox/guest-config.ts'
import { isScratchOf, scratchPlan } from './scratch.ts'

const what = { vmid: 9_900, run: 'r1', storage: 'tesla', archive: 'local:backup/vzdump-lxc-120-x.tar.zst' }

describe('the configuration of a scratch guest', () => {
  it('has no cable, no address of the original, and nothing of the host', () => {
    const archived = {
      hostname: 'immich',
      onboot: '1',
      rootfs: 'local-lvm:vm-120-disk-0,size=30G',
      mp0: '/Apollo/Photos,mp=/photos',
      mp1: 'tesla:subvol-120-disk-1,mp=/data,backup=1,size=1536M',
      mp2: 'tesla:subvol-120-disk-2,mp=/cache,size=8G',
      dev0: '/dev/dri/renderD128',
      net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=192.168.1.120/24,link_down=0',
    }
    const { lines, remove, leftOut } = scratchPlan('lxc', archived, what)
    expect(lines).toMatchObject({
      hostname: 'drill-9900',
      onboot: '0',
      protection: '0',
      rootfs: 'tesla:30',
      mp1: 'tesla:1.5,mp=/data,backup=1',
      net0: 'name=eth0,bridge=vmbr0,ip=192.168.1.120/24,link_down=1',
    })
    expect([remove, leftOut]).toEqual([['dev0'], ['/photos', '/cache']])
    expect(isScratchOf(lines, 'r1')).toBe(true)
    // As Proxmox takes them: given mount points replace those of the archive, other lines are kept.
    const { mp0: _bind, mp2: _cache, dev0: _device, ...kept } = archived
    expect(reachesOut('lxc', { ...kept, ...lines })).toEqual([])
  })

  it('of a VM has a network card of the same model', () => {
    const { lines } = scratchPlan(
      'qemu',
      { name: 'ha', net0: 'virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1' },
      what,
    )
    expect(lines).toMatchObject({ name: 'drill-9900', net0: 'virtio,bridge=vmbr0,firewall=1,link_down=1' })
  })

  it.each([
    ['qemu', { hostpci0: '0000:01:00' }],
    ['qemu', { usb0: 'host=1:2' }],
    ['lxc', { rootfs: 'tesla:subvol-1' }],
  ] as const)('of a %s with %o cannot be made', (type, archived) => {
    expect(() => scratchPlan(type, archived, what)).toThrow(HomelabError)
  })
})

describe('the mark of a drill', () => {
  const marked = { tags: 'a;homelab-drill', description: 'homelab-drill run=r1\nmore\n' }
  it('is the tag and the run', () => {
    expect(isScratchOf(marked, 'r1')).toBe(true)
    expect(isScratchOf(marked, 'r')).toBe(false)
    expect(isScratchOf({ ...marked, tags: 'homelab-drills' }, 'r1')).toBe(false)
    expect(isScratchOf({ ...marked, description: 'x homelab-drill run=r1' }, 'r1')).toBe(false)
    expect(isScratchOf({}, 'r1')).toBe(false)
  })
})
