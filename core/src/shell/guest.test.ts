import { expect, test } from 'vitest'
import type { ExecOptions, ExecResult } from '../ports.ts'
import { Secret } from '../secret.ts'
import { createShells } from './guest.ts'

const ct = { vmid: 110, type: 'lxc', node: 'pve', name: 'plex' } as const

function recording(result: Partial<ExecResult>) {
  const calls: { argv: readonly string[]; options: ExecOptions }[] = []
  const shells = createShells({
    has: (node) => node === 'pve',
    shell: () => ({
      async exec(argv, options = {}) {
        calls.push({ argv, options })
        options.onLine?.(result.stdout ?? '', 'stdout')
        return { code: 0, stdout: '', stderr: '', truncated: false, ...result }
      },
    }),
  })
  return { shells, calls }
}

test('a plain command goes through pct as it is', async () => {
  const { shells, calls } = recording({ stdout: 'active\n' })
  const result = await shells.guest(ct).exec(['systemctl', 'is-active', 'plexmediaserver'], { timeoutMs: 5 })
  expect(result.stdout).toBe('active\n')
  expect(calls[0]?.argv.join(' ')).toBe('pct exec 110 --keep-env 0 -- systemctl is-active plexmediaserver')
  expect(calls[0]?.options).toEqual({ timeoutMs: 5 })
})

test('secrets are for the launcher inside, not for the host, and are hidden in what comes back', async () => {
  const { shells, calls } = recording({ stdout: 'it is hunter22' })
  const lines: string[] = []
  const secrets = { PASSWORD: new Secret('hunter22') }
  const result = await shells.guest(ct).exec(['env'], { secrets, onLine: (line) => lines.push(line) })
  expect(result.stdout).toBe('it is [secret]')
  expect(lines).toEqual(['it is [secret]'])
  expect(calls[0]?.argv.slice(0, 8)).toEqual(['pct', 'exec', '110', '--keep-env', '0', '--', 'sh', '-c'])
  expect(calls[0]?.argv.join(' ')).not.toContain('hunter22')
  expect(calls[0]?.options.secrets).toBeUndefined()
})

test.each([
  [{ code: 255, stderr: "container '110' not running!\n" }, 'conflict', 'plex (CT 110) is not running'],
  [
    { code: 2, stderr: "Configuration file 'nodes/pve/lxc/110.conf' does not exist\n" },
    'not-found',
    'pve has no container 110',
  ],
  [{ code: 255, stderr: 'please run as root\n' }, 'unauthorised', 'pct on pve runs for root only'],
  [{ code: 127, stderr: 'bash: line 1: pct: command not found\n' }, 'config', 'pve has no pct'],
])('pct itself failed: %j', async (result, code, message) => {
  const { shells } = recording(result)
  await expect(shells.guest(ct).exec(['true'])).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
    hint: expect.any(String),
  })
})

test('the same words of the command itself are its own', async () => {
  const stderr = "checking\ncontainer '110' not running!\n"
  const { shells } = recording({ code: 255, stderr })
  expect(await shells.guest(ct).exec(['true'])).toMatchObject({ code: 255, stderr })
})

test('a virtual machine has no such shell', () => {
  const { shells } = recording({})
  expect(() => shells.guest({ ...ct, type: 'qemu' })).toThrow('containers only')
})

const moved = { code: 2, stderr: "Configuration file 'nodes/pve/lxc/110.conf' does not exist\n" }

test.each([
  ['is run where the container is now', 'pve2', ['pve', 'pve2']],
  ['is not run again where it is not', 'pve', ['pve']],
])('a command %s', async (_, now, nodes) => {
  const asked: string[] = []
  const shells = createShells({
    has: () => true,
    whereIs: async () => now,
    shell: (node) => ({
      async exec() {
        asked.push(node)
        return {
          code: 0,
          stdout: 'up\n',
          stderr: '',
          truncated: false,
          ...(node === 'pve' ? { ...moved, stdout: '' } : {}),
        }
      },
    }),
  })
  const run = shells.guest(ct).exec(['uptime'])
  if (now === 'pve') await expect(run).rejects.toMatchObject({ code: 'not-found' })
  else expect((await run).stdout).toBe('up\n')
  expect(asked).toEqual(nodes)
})
