import { expect, test } from 'vitest'
import { changedBy } from './commands.ts'
import { parseApk, parseApt, parseInside } from './look.ts'

test('packages of apt: those for security, those that come new, those held back', () => {
  const text = [
    'Reading package lists...',
    'The following packages have been kept back:',
    '  linux-base',
    '3 upgraded, 1 newly installed, 0 to remove and 1 not upgraded.',
    'Inst libssl3 [3.0.15-1~deb12u1] (3.0.17-1~deb12u2 Debian-Security:12/stable-security [amd64]) []',
    'Inst libc6 [2.35-0ubuntu3.1] (2.35-0ubuntu3.4 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64]) [libc-bin:amd64 ]',
    'Inst tzdata [2024b-0+deb12u1] (2025b-0+deb12u1 Debian:12.11/stable [all])',
    'Inst libnew (1.0-1 Debian:12.11/stable [amd64])',
    'Conf libssl3 (3.0.17-1~deb12u2 Debian-Security:12/stable-security [amd64])',
  ].join('\n')
  expect(parseApt(text)).toEqual([
    { name: 'libssl3', from: '3.0.15-1~deb12u1', to: '3.0.17-1~deb12u2', security: true },
    { name: 'libc6', from: '2.35-0ubuntu3.1', to: '2.35-0ubuntu3.4', security: true },
    { name: 'tzdata', from: '2024b-0+deb12u1', to: '2025b-0+deb12u1', security: false },
    { name: 'libnew', to: '1.0-1', security: false },
  ])
  const inside = parseInside(
    `== os\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n== update\n== version\n== now\n100000\n== listed\n13600\n== apt\n${text}`,
  )
  expect(inside).toMatchObject({ system: 'Debian GNU/Linux 12 (bookworm)', manager: 'apt', kept: 1 })
  expect(inside.listsAge).toBe(86_400_000)
  expect(inside.helper).toBeUndefined()
})

test('packages of Alpine', () => {
  const text =
    'Installed:                                Available:\nbusybox-1.36.1-r15                      < 1.36.1-r19 \nso-lib-x-3.1.4-r5 < 3.1.8-r0\n'
  expect(parseApk(text)).toEqual([
    { name: 'busybox', from: '1.36.1-r15', to: '1.36.1-r19', security: false },
    { name: 'so-lib-x', from: '3.1.4-r5', to: '3.1.8-r0', security: false },
  ])
})

test('a script of the community is known by where it gets itself from, another one is not', () => {
  const url = 'https://raw.githubusercontent.com/community-scripts/ProxmoxVE/main/ct/jellyfin.sh'
  const inside = (update: string, version: string) =>
    parseInside(`== os\nID=arch\nPRETTY_NAME="Arch Linux"\n== update\n${update}\n== version\n${version}\n`)
  expect(inside(`bash -c "$(curl -fsSL ${url})"`, 'v10.10.3')).toEqual({
    system: 'Arch Linux',
    waiting: [],
    kept: 0,
    helper: { app: 'jellyfin', version: '10.10.3' },
  })
  expect(inside('exec /opt/mine/update.sh', '').helper).toBeUndefined()
})

test('what nothing is known of, and lists whose age does not show', () => {
  expect(parseInside('')).toEqual({ system: '', waiting: [], kept: 0 })
  expect(parseInside('== os\nID=debian\n== now\n100\n== listed\n== apt\n').listsAge).toBeUndefined()
})

test.each([
  ['Unpacking openssl (3.0.17) over (3.0.15) ...', { name: 'openssl', from: '3.0.15', to: '3.0.17' }],
  ['Unpacking libc6:amd64 (2.36-9) over (2.36-8) ...', { name: 'libc6', from: '2.36-8', to: '2.36-9' }],
  [
    '(1/2) Upgrading busybox (1.36.1-r15 -> 1.36.1-r19)',
    { name: 'busybox', from: '1.36.1-r15', to: '1.36.1-r19' },
  ],
  ['Setting up openssl (3.0.17) ...', undefined],
  ['Unpacking libnew (1.0) ...', undefined],
])('%s', (line, change) => {
  expect(changedBy(line)).toEqual(change)
})
