/** The simulator with `--real`: what its commands may reach, and what it makes only once it is wanted. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secret } from '@homelab/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSsh, type Ssh } from '../../core/src/node/ssh.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

let folder: string
let simulator: Simulator
let ssh: Ssh

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'homelab-real-'))
  simulator = await startSimulator({ real: join(folder, 'lab') })
  const { host, port, user, privateKey, hostKey } = simulator.lab.ssh
  ssh = createSsh({
    hosts: {
      pve: {
        host,
        port,
        user,
        auth: { privateKey: new Secret(privateKey) },
        hostKey: { fingerprint: hostKey },
      },
    },
  })
})
afterAll(async () => {
  ssh?.close()
  await simulator?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const at = (...names: readonly string[]): string => join(folder, ...names)
const run = (...argv: readonly string[]) => ssh.shell('pve').exec(argv)

describe('what removes and moves', () => {
  it('does so below its folder', async () => {
    writeFileSync(at('lab', 'home', 'old'), 'text')
    expect(await run('mv', at('lab', 'home', 'old'), at('lab', 'home', 'new'))).toMatchObject({ code: 0 })
    expect(readFileSync(at('lab', 'home', 'new'), 'utf8')).toBe('text')
    expect(await run('rm', '-rf', at('lab', 'home', 'new'))).toMatchObject({ code: 0 })
    expect(existsSync(at('lab', 'home', 'new'))).toBe(false)
  })

  it.each([
    ['by its path', (file: string) => ['rm', '-rf', file]],
    [
      'by a way out of the folder',
      (file: string) => ['rm', '-rf', `${at('lab')}/../${file.split('/').at(-1)}`],
    ],
    ['from where it stands', (file: string) => ['sh', '-c', 'cd "$1" && rm -rf ./*', 'sh', file]],
    ['by what was found', (file: string) => ['find', file, '-name', 'kept', '-exec', 'rm', '-rf', '{}', '+']],
    ['by moving it in', (file: string) => ['mv', file, at('lab', 'home', 'taken')]],
    [
      'inside a container',
      (file: string) => ['pct', 'exec', '102', '--keep-env', '0', '--', 'rm', '-rf', file],
    ],
  ])('refuses what is outside: %s', async (_how, argv) => {
    const outside = at('outside')
    mkdirSync(outside, { recursive: true })
    writeFileSync(join(outside, 'kept'), 'text')
    const { code, stderr } = await run(...argv(outside))
    expect(readFileSync(join(outside, 'kept'), 'utf8')).toBe('text')
    expect(code).not.toBe(0)
    expect(stderr).toContain('not in the simulated lab')
  })
})

describe('the folder', () => {
  it('has files to save, and no repository before somebody wants one', () => {
    expect(existsSync(at('lab', 'photos'))).toBe(true)
    expect(existsSync(at('lab', 'nextcloud'))).toBe(true)
    expect(existsSync(at('lab', 'repository'))).toBe(false)
  })

  it('is where the mounts of the guests lead', async () => {
    const { stdout } = await run('pct', 'config', '120')
    expect(stdout).toContain(`mp0: ${at('lab', 'photos')},mp=/apollo/photos`)
  })
})

describe("Nextcloud's occ", () => {
  const occ = (...args: readonly string[]) =>
    run(
      'pct',
      'exec',
      '121',
      '--',
      'setpriv',
      '--reuid',
      'www-data',
      '--regid',
      'www-data',
      '--init-groups',
      'php',
      '/var/www/nextcloud/occ',
      ...args,
    )
  const status = async (): Promise<unknown> => {
    const { host = '', port = 0 } = simulator.lab.services.nextcloud ?? {}
    return await (await fetch(`http://${host}:${port}/status.php`)).json()
  }

  it('puts it into maintenance mode and out of it', async () => {
    expect((await occ('maintenance:mode', '--on')).stdout).toBe('Maintenance mode enabled\n')
    expect(await status()).toMatchObject({ maintenance: true })
    expect((await occ('maintenance:mode', '--on')).stdout).toBe('Maintenance mode already enabled\n')
    expect((await occ('maintenance:mode', '--off')).stdout).toBe('Maintenance mode disabled\n')
    expect(await status()).toMatchObject({ maintenance: false })
  })
})
