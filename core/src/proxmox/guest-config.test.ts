import { describe, expect, it } from 'vitest'
import { readBackupLog } from './backup-log.ts'
import { configLines, lostInPlace, mountsOf, parseConfig, reachesOut } from './guest-config.ts'

describe('a configuration file', () => {
  it('is read up to its snapshots', () => {
    const text = [
      '#first%3A line',
      '#second',
      'hostname: immich',
      'lxc.mount.entry: /a a none bind',
      'lxc.mount.entry: /b b none bind',
      'net0: name=eth0,bridge=vmbr0',
      '',
      '[before]',
      'hostname: old',
    ].join('\n')
    expect(parseConfig(text)).toEqual({
      description: 'first: line\nsecond',
      hostname: 'immich',
      'lxc.mount.entry': '/a a none bind\n/b b none bind',
      net0: 'name=eth0,bridge=vmbr0',
    })
  })

  it('is the same from the API', () => {
    const api = {
      hostname: 'x',
      memory: 512,
      digest: 'abc',
      lxc: [
        ['lxc.apparmor.profile', 'unconfined'],
        ['lxc.cap.drop', ''],
      ],
    }
    expect(configLines(api)).toEqual({
      hostname: 'x',
      memory: '512',
      'lxc.apparmor.profile': 'unconfined',
      'lxc.cap.drop': '',
    })
  })
})

describe('what is in an archive', () => {
  it.each([
    ['rootfs', 'tesla:subvol-1,size=8G', 'volume', true],
    ['mp0', 'tesla:subvol-2,mp=/a,backup=1', 'volume', true],
    ['mp0', 'volume=tesla:subvol-2,mp=/a,backup=yes', 'volume', true],
    ['mp0', 'tesla:subvol-2,mp=/a', 'volume', false],
    ['mp0', 'tesla:subvol-2,mp=/a,backup=0', 'volume', false],
    // Proxmox ignores it there.
    ['mp0', '/Apollo/Photos,mp=/photos,backup=1', 'bind', false],
    ['mp0', '/dev/sdb1,mp=/disk,backup=1', 'device', false],
  ] as const)('of a container: %s: %s', (key, value, kind, inArchive) => {
    expect(mountsOf('lxc', { [key]: value })).toMatchObject([{ kind, inArchive }])
  })

  it('of a VM: its disks, unless they say no', () => {
    const config = {
      scsi0: 'tesla:vm-1-disk-0,size=8G',
      virtio1: 'tesla:vm-1-disk-1,backup=0',
      ide2: 'local:iso/debian.iso,media=cdrom',
      scsihw: 'virtio-scsi-pci',
      unused0: 'tesla:vm-1-disk-9',
    }
    expect(mountsOf('qemu', config).map(({ key, inArchive }) => [key, inArchive])).toEqual([
      ['scsi0', true],
      ['virtio1', false],
    ])
  })

  it('is not what a restore in place destroys', () => {
    const now = {
      rootfs: 'tesla:a',
      mp0: 'tesla:b,mp=/data',
      mp1: '/Apollo/Photos,mp=/photos',
      mp2: 'tesla:c,mp=/new,backup=1',
    }
    const archived = { rootfs: 'tesla:a', mp0: 'tesla:b,mp=/data', mp1: '/Apollo/Photos,mp=/photos' }
    expect(lostInPlace('lxc', now, archived).map(({ target }) => target)).toEqual(['/data', '/new'])
  })
})

describe('a copy that runs beside its original', () => {
  const alone = {
    rootfs: 'tesla:a',
    mp0: 'tesla:b,mp=/data',
    net0: 'name=eth0,bridge=vmbr0,link_down=1',
    serial0: 'socket',
    features: 'nesting=1',
  }
  it('is alone', () => expect(reachesOut('lxc', alone)).toEqual([]))

  it.each([
    ['net1', 'name=eth1,bridge=vmbr0'],
    ['net0', 'name=eth0,bridge=vmbr0,link_down=0'],
    ['mp1', '/Apollo/Photos,mp=/photos'],
    ['mp1', '/dev/sdb1,mp=/disk'],
    ['dev0', '/dev/dri/renderD128'],
    ['lxc.mount.entry', '/Apollo/Photos photos none bind'],
    ['hookscript', 'local:snippets/x.sh'],
    ['hostpci0', '0000:01:00'],
    ['usb0', 'host=1234:5678'],
    ['virtiofs0', 'photos'],
    ['serial1', '/dev/ttyS0'],
    ['args', '-netdev x'],
  ])('is not with %s: %s', (key, value) => {
    expect(reachesOut('lxc', { ...alone, [key]: value })).toHaveLength(1)
  })

  it('is not with a disk of the host in a VM', () => {
    expect(reachesOut('qemu', { scsi1: '/dev/disk/by-id/x,size=1T' })).toHaveLength(1)
  })
})

describe('the log of vzdump', () => {
  it('has one entry for each guest, also for one that was cut off', () => {
    const lines = [
      'INFO: starting new backup job: vzdump 101 102 103 --storage local',
      'INFO: Starting Backup of VM 101 (lxc)',
      "INFO: including mount point rootfs ('/') in backup",
      "INFO: excluding volume mount point mp0 ('/data') from backup (disabled)",
      "INFO: creating vzdump archive '/var/lib/vz/dump/vzdump-lxc-101-x.tar.zst'",
      'INFO: Finished Backup of VM 101 (00:00:02)',
      'INFO: Starting Backup of VM 102 (qemu)',
      "INFO: include disk 'scsi0' 'tesla:vm-102-disk-0' 8G",
      "INFO: exclude disk 'scsi1' 'tesla:vm-102-disk-1' (backup=no)",
      'ERROR: Backup of VM 102 failed - VM is locked (migrate)',
      'INFO: Starting Backup of VM 103 (lxc)',
    ]
    expect(readBackupLog(lines)).toEqual([
      {
        vmid: 101,
        state: 'done',
        archive: 'vzdump-lxc-101-x.tar.zst',
        included: ['rootfs'],
        excluded: [{ key: 'mp0', target: '/data', why: 'disabled' }],
      },
      {
        vmid: 102,
        state: 'failed',
        error: 'VM is locked (migrate)',
        included: ['scsi0'],
        excluded: [{ key: 'scsi1', target: '', why: 'backup=no' }],
      },
      { vmid: 103, state: 'unfinished', included: [], excluded: [] },
    ])
  })
})
