import { expect, test } from 'vitest'
import { Blueprint } from './blueprint.ts'
import { cloneConfig } from './clone.ts'
import { growsTo, machineOf, sizeOf } from './machine.ts'
import { createWords } from './plan.ts'
import type { Found } from './types.ts'

const GIB = 2 ** 30
const template = {
  agent: 'enabled=1,fstrim_cloned_disks=1',
  boot: 'order=scsi0;net0',
  efidisk0: 'tesla:vm-900-disk-0,size=4M',
  ide2: 'tesla:vm-900-cloudinit,media=cdrom,size=4M',
  ipconfig0: 'ip=dhcp,ip6=auto',
  net0: 'virtio=BC:24:11:00:00:01,bridge=vmbr1',
  scsi0: 'tesla:base-900-disk-1,size=4G',
  scsi1: 'tesla:base-900-disk-2,size=10G',
}
const of = (lines: Readonly<Record<string, string>>) =>
  machineOf(
    { vmid: 900, type: 'qemu', node: 'pve', name: 'base' },
    { guestConfig: async () => lines },
    AbortSignal.abort(),
  )
const blueprint = (disk: number) =>
  Blueprint.parse({
    title: 'Desk',
    stack: 'apps',
    create: { by: 'vm', template: 'base' },
    memory: 2048,
    disk,
  })

test('reads what of a template its clones can have otherwise', async () => {
  expect(await of(template)).toEqual({
    disk: 'scsi0',
    bytes: 4 * GIB,
    total: 14 * GIB + 4 * 2 ** 20,
    bridge: 'vmbr1',
    cloudInit: true,
    fixed: false,
    agent: true,
  })
  expect(
    await of({
      ...template,
      agent: '0',
      boot: 'order=net0',
      ide2: 'none,media=cdrom',
      ipconfig0: 'ip=10.0.0.5/8',
    }),
  ).toMatchObject({ disk: '', bytes: 0, cloudInit: false, fixed: true, agent: false })
  // On a storage of files.
  expect(await of({ ide0: 'local:900/vm-900-cloudinit.qcow2,media=cdrom' })).toMatchObject({
    cloudInit: true,
  })
})

test('a clone grows to what the blueprint says, never shrinks, and needs room for all its disks', async () => {
  const machine = await of(template)
  expect([growsTo(blueprint(8), machine), sizeOf(blueprint(8), machine)]).toEqual([
    8 * GIB,
    18 * GIB + 4 * 2 ** 20,
  ])
  expect([growsTo(blueprint(2), machine), sizeOf(blueprint(2), machine)]).toEqual([0, machine.total])
  // Which one it boots from cannot be told.
  expect(growsTo(blueprint(8), { ...machine, disk: '' })).toBe(0)
})

test("a clone has the blueprint's size, and starts with its node", () => {
  const found = (net: string) =>
    ({
      storage: 'tesla',
      source: '900',
      net,
      room: { disk: 18 * GIB },
      from: { name: 'desk', own: true, blueprint: blueprint(8) },
    }) as unknown as Found
  const plain = {
    sockets: '1',
    cores: '1',
    memory: '2048',
    onboot: '1',
    tags: 'homelab;apps',
  }
  expect(createWords(found('bridge=vmbr1'))).toBe(
    'Clone the VM template base (900): 1 core, 2.0 GiB of memory, 18.0 GiB on tesla, bridge=vmbr1 (API token)',
  )
  expect(cloneConfig(found('bridge=vmbr1'), template)).toEqual(plain)
  expect(cloneConfig(found('bridge=vmbr0,ip=10.0.0.6/8,gw=10.0.0.1'), template)).toEqual({
    ...plain,
    ipconfig0: 'ip=10.0.0.6/8,gw=10.0.0.1',
    net0: 'virtio=BC:24:11:00:00:01,bridge=vmbr0',
  })
  // Its template may balloon up to more than it has; 0 is off.
  const balloons = (balloon: string) => cloneConfig(found('bridge=vmbr1'), { ...template, balloon })
  expect([balloons('4096'), balloons('1024'), balloons('0')]).toEqual([
    { ...plain, balloon: '2048' },
    { ...plain, balloon: '1024' },
    { ...plain, balloon: '0' },
  ])
})
