import { expect, it } from 'vitest'
import { graphicsIn } from './graphics.ts'

const gpus = [{ id: '0000:01:00.0', name: 'GPU' }]

it.each([
  ['lxc', { dev0: '/dev/dri/renderD128,gid=104', dev1: '/dev/ttyUSB0' }, ['dev0: /dev/dri/renderD128']],
  ['lxc', { dev0: 'path=/dev/nvidia0' }, ['dev0: /dev/nvidia0']],
  ['lxc', { 'lxc.mount.entry': '/dev/dri dev/dri none bind,optional,create=dir' }, ['/dev/dri']],
  ['lxc', { mp0: '/dev/sdb1,mp=/data', hostname: 'nvidia' }, []],
  ['qemu', { hostpci0: '0000:01:00,pcie=1' }, ['hostpci0: 0000:01:00']],
  ['qemu', { hostpci0: '01:00.0' }, ['hostpci0: 01:00.0']],
  ['qemu', { hostpci0: '0000:03:00.0' }, []],
] as const)('a %s with %j is given %j', (type, config, given) => {
  expect(graphicsIn(type, config, gpus)).toEqual(given)
})
