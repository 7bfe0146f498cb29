import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Shell } from '../ports.ts'
import { assertAddressFree } from './network.ts'

const folder = mkdtempSync(join(tmpdir(), 'homelab-network-'))
afterAll(() => rmSync(folder, { recursive: true }))

const net = (ip: string): string => `name=eth0,bridge=vmbr0,ip=${ip},type=veth`
const files: Readonly<Record<string, string>> = {
  'pve/lxc/101.conf': `arch: amd64\nnet0: ${net('192.168.1.101/24')}\n\n[before]\nnet0: ${net('192.168.1.99/24')}\n`,
  'pve2/lxc/102.conf': `net0: ${net('dhcp')}\n[pve:pending]\nnet0: ${net('192.168.1.50/24')}\n[before]\nnet1: ${net('192.168.1.98/24')}\n`,
  'pve2/qemu-server/200.conf':
    'ipconfig0: gw=192.168.1.1,ip=192.168.1.60/24\nnet0: virtio=BC:24:11:00:00:01,bridge=vmbr0\n[special:cloudinit]\nipconfig0: ip=192.168.1.59/24\n',
  // Of pmxcfs, which comes and goes.
  'pve/lrm_status.tmp.1234': `net0: ${net('192.168.1.77/24')}\n`,
}

/** This machine's grep, where the node's configurations are a folder of the test. */
const shell: Shell = {
  exec: async ([program = '', ...args]) => {
    const { stdout, stderr, status } = spawnSync(
      program,
      args.map((arg) => (arg === '/etc/pve/nodes' ? folder : arg)),
      { encoding: 'utf8' },
    )
    return { code: status, stdout: stdout.replaceAll(folder, '/etc/pve/nodes'), stderr, truncated: false }
  },
}

describe('whose an address is', () => {
  beforeAll(() => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(folder, name, '..'), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
  })

  test.each([
    ['192.168.1.101/24', 'CT 101'],
    ['192.168.1.101/16', 'CT 101'],
    ['192.168.1.50/24', 'CT 102'],
    ['192.168.1.60/24', 'VM 200'],
    ['192.168.1.59/24', 'VM 200'],
  ])('%s is that of %s', async (ip, whose) => {
    await expect(assertAddressFree(ip, shell, AbortSignal.timeout(5_000))).rejects.toMatchObject({
      code: 'conflict',
      message: `${ip.split('/')[0]} is the address of ${whose} by its configuration.`,
    })
  })

  test.each(['192.168.1.10/24', '192.168.1.98/24', '192.168.1.99/24', '192.168.1.77/24'])(
    '%s is free, whatever it was in a snapshot',
    async (ip) => {
      await expect(assertAddressFree(ip, shell, AbortSignal.timeout(5_000))).resolves.toBeUndefined()
    },
  )

  test('where nothing can be read, nothing is said to be free', async () => {
    const away: Shell = { exec: async () => ({ code: 2, stdout: '', stderr: '', truncated: false }) }
    await expect(
      assertAddressFree('192.168.1.10/24', away, AbortSignal.timeout(5_000)),
    ).rejects.toMatchObject({
      code: 'failed',
    })
  })
})
