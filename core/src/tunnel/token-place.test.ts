import { expect, it, test } from 'vitest'
import { fromBase64, toBase64 } from './base64.ts'
import { tokenPlaceIn } from './token-place.ts'

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

test('base64 is what the platform makes of it', () => {
  for (let length = 0; length < 70; length++) {
    const bytes = new Uint8Array(length).map((_, at) => (at * 37 + length) & 255)
    expect(toBase64(bytes)).toBe(btoa(String.fromCharCode(...bytes)))
  }
  expect(fromBase64(btoa('{"a":"b"}'))).toBe('{"a":"b"}')
  expect(fromBase64('not base64!')).toBeUndefined()
})
