import { expect, it, test } from 'vitest'
import type { Shell } from '../ports.ts'
import { Secret } from '../secret.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { type TokenPlace, tokenPlaceIn, tryToken, writeToken } from './token-place.ts'

const unit = (lines: string) => `# /etc/systemd/system/cloudflared.service\n[Service]\n${lines}\n`

it.each([
  [
    'ExecStart=/usr/bin/cloudflared tunnel run --token-file /etc/cloudflared/token',
    { kind: 'token', path: '/etc/cloudflared/token', reload: false },
  ],
  ['ExecStart=/usr/bin/cloudflared tunnel run --token-file="/etc/my token"', undefined],
  [
    'ExecStart=/usr/bin/cloudflared --no-autoupdate tunnel run --token eyJhIjoi',
    { kind: 'setting', path: '/etc/systemd/system/cloudflared.service', reload: true },
  ],
  [
    'Environment=TUNNEL_TOKEN=eyJhIjoi',
    { kind: 'setting', path: '/etc/systemd/system/cloudflared.service', reload: true },
  ],
  [
    'EnvironmentFile=-/etc/default/cloudflared\nExecStart=/usr/bin/cloudflared tunnel run',
    { kind: 'setting', path: '/etc/default/cloudflared', reload: false },
  ],
  ['ExecStart=/usr/bin/cloudflared tunnel run', undefined],
])('%s', (lines, place) => {
  expect(tokenPlaceIn(unit(lines))).toEqual(place)
})

test('a drop-in that replaces the command is where the token is', () => {
  const text = `${unit('Restart=always')}\n# /etc/systemd/system/cloudflared.service.d/override.conf\n[Service]\nExecStart=\nExecStart=/usr/bin/cloudflared tunnel run --token eyJh\n`
  expect(tokenPlaceIn(text)).toMatchObject({
    path: '/etc/systemd/system/cloudflared.service.d/override.conf',
  })
})

const dropIn = (lines: string) =>
  `# /etc/systemd/system/cloudflared.service.d/override.conf\n[Service]\n${lines}\n`

test.each([
  [
    'the last command counts',
    unit('ExecStart=/usr/bin/cloudflared tunnel run --token-file /etc/old') +
      dropIn('ExecStart=\nExecStart=/usr/bin/cloudflared tunnel run --token-file /etc/new'),
    '/etc/new',
  ],
  [
    'an empty one takes the token in the command back',
    unit('ExecStart=/usr/bin/cloudflared tunnel run --token eyJh') +
      dropIn(
        'ExecStart=\nEnvironmentFile=/etc/default/cloudflared\nExecStart=/usr/bin/cloudflared tunnel run',
      ),
    '/etc/default/cloudflared',
  ],
  [
    'an empty environment takes the variable back',
    unit('Environment=TUNNEL_TOKEN=eyJh\nExecStart=/usr/bin/cloudflared tunnel run --token-file /etc/token') +
      dropIn('Environment='),
    '/etc/token',
  ],
  [
    'a variable counts before a file',
    unit('ExecStart=/usr/bin/cloudflared tunnel run --token-file /etc/token') +
      dropIn('Environment="TUNNEL_TOKEN=eyJh"'),
    '/etc/systemd/system/cloudflared.service.d/override.conf',
  ],
  [
    'what is commented out does not count',
    unit('#ExecStart=/usr/bin/cloudflared tunnel run --token-file /etc/old\nEnvironmentFile=/etc/env'),
    '/etc/env',
  ],
  [
    'a command over several lines',
    unit('ExecStart=/usr/bin/cloudflared tunnel run \\\n  --token-file /etc/token'),
    '/etc/token',
  ],
])('of a unit and its drop-ins: %s', (_, text, path) => {
  expect(tokenPlaceIn(text)?.path).toBe(path)
})

/** Files that argv changes, as coreutils would. */
function machine(files: Record<string, string>): { readonly name: string; readonly shell: Shell } {
  const exec: Shell['exec'] = async ([program, ...args], options) => {
    const [from = '', to = ''] = args.filter((each) => !each.startsWith('-'))
    if (program === 'cp' || program === 'mv') files[to] = files[from] ?? ''
    if (program === 'tee') files[from] = String(options?.stdin ?? '')
    if (program === 'mv' || program === 'rm') delete files[from]
    return { code: 0, stdout: program === 'cat' ? (files[from] ?? '') : '', stderr: '' } as never
  }
  return { name: 'a', shell: { exec } as Shell }
}
const tokenFor = (t: string, s: string) => btoa(JSON.stringify({ a: 'account', t, s }))
const ID = '6ff42ae2-765d-4adf-8112-31c55c1551ef'
const OTHER = '11111111-2222-4333-8444-555555555555'
const fresh = { tunnel: ID, token: new Secret(tokenFor(ID, 'bmV3')) }
const setting: TokenPlace = { kind: 'setting', path: '/etc/env', reload: false }

test('of several tokens in a file only the one of this tunnel is replaced', async () => {
  const jwt = `eyJhbGciOiJIUzI1NiJ9.${btoa('{"sub":"somebody else of whom nothing is known"}')}.x`
  const text = (token: string) =>
    `API_TOKEN=${jwt}\nOTHER=${tokenFor(OTHER, 'b2xk')}\nTUNNEL_TOKEN=${token}\n`
  const files = { '/etc/env': text(tokenFor(ID, 'b2xk')) }
  await writeToken(machine(files), setting, fresh)
  expect(files).toEqual({ '/etc/env': text(tokenFor(ID, 'bmV3')) })
})

test.each<[TokenPlace['kind'], string, string]>([
  ['token', tokenFor(OTHER, 'b2xk'), 'no token of this tunnel'],
  ['token', 'nothing', 'no token of this tunnel'],
  ['setting', `TUNNEL_TOKEN=${tokenFor(OTHER, 'b2xk')}`, 'no token of this tunnel stands in it'],
  ['credentials', '{"TunnelID":', 'it is no JSON'],
  ['credentials', JSON.stringify({ TunnelID: OTHER, TunnelSecret: 'b2xk' }), 'of another tunnel'],
])('no place for it, which is found without a change: %s %s', async (kind, text, why) => {
  const files = { '/etc/env': text }
  const place: TokenPlace = { kind, path: '/etc/env', reload: false }
  await expect(tryToken(machine(files), place, fresh)).rejects.toMatchObject({
    code: 'config',
    message: expect.stringContaining(why),
  })
  await expect(writeToken(machine(files), place, fresh)).rejects.toMatchObject({ code: 'failed' })
  expect(files).toEqual({ '/etc/env': text })
})

test('base64 is what the platform makes of it', () => {
  for (let length = 0; length < 70; length++) {
    const bytes = new Uint8Array(length).map((_, at) => (at * 37 + length) & 255)
    expect(toBase64(bytes)).toBe(btoa(String.fromCharCode(...bytes)))
  }
  expect(fromBase64(btoa('{"a":"b"}'))).toBe('{"a":"b"}')
  expect(fromBase64('not base64!')).toBeUndefined()
})
