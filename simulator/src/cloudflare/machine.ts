/** The container that cloudflared runs in: its unit, its token, and the rules of a tunnel that is managed there. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { Machine } from '../sim.ts'
import type { LabFiles } from '../ssh/files.ts'
import { Refusal } from './envelope.ts'
import { isObject, type Json, string } from './json.ts'
import { checkConfig } from './tunnel-config.ts'
import type { Tunnel } from './world.ts'

const FOLDER = '/etc/cloudflared'
const TOKEN = `${FOLDER}/token`
export const CONFIG = `${FOLDER}/config.yml`

/** `{a, t, s}` in base64: what `cloudflared tunnel run --token` takes. */
export const tokenOf = (account: string, { id, secret }: Pick<Tunnel, 'id' | 'secret'>): string =>
  Buffer.from(JSON.stringify({ a: account, t: id, s: secret })).toString('base64')

const unit = (run: string): string => `# /etc/systemd/system/cloudflared.service
[Unit]
Description=cloudflared
After=network-online.target
Wants=network-online.target

[Service]
TimeoutStartSec=15
Type=notify
ExecStart=/usr/bin/cloudflared --no-autoupdate ${run}
Restart=on-failure
RestartSec=5s

[Install]
WantedBy=multi-user.target
`

export interface CloudflaredMachine extends Machine {
  readonly files: readonly LabFiles[]
  /** Its token as it is in its file now; undefined when it is in none. */
  token(): string | undefined
  /** Of a tunnel that is managed here: the rules as they are in its file now. */
  config(): Json | null
  /** As at the start. @param local the rules that are kept here, if they are */
  install(account: string, tunnel: Tunnel, local?: Json | null): void
  close(): void
}

/** @param onRestart called when its unit is started anew */
export function createMachine(vmid: number, onRestart: () => void): CloudflaredMachine {
  const root = realpathSync(mkdtempSync(join(tmpdir(), `homelab-cloudflared-${process.pid}-`)))
  const at = (path: string): string => join(root, path)
  let local = false

  const read = (path: string): string | undefined => {
    try {
      return readFileSync(at(path), 'utf8')
    } catch {
      return undefined
    }
  }
  const configAt = (path: string): Json | null => {
    const text = read(path)
    if (text === undefined) return null
    const value: unknown = parse(text)
    return isObject(value) ? value : null
  }

  return {
    files: [{ vmid, path: FOLDER, root }],
    unitText: () => unit(local ? `--config ${CONFIG} tunnel run` : `tunnel run --token-file ${TOKEN}`),
    restart: onRestart,
    token() {
      if (!local) return read(TOKEN)?.trim()
      try {
        const path = string(configAt(CONFIG)?.['credentials-file'])
        const { AccountTag, TunnelID, TunnelSecret } = JSON.parse(read(path) ?? '{}') as Json
        return tokenOf(string(AccountTag), { id: string(TunnelID), secret: string(TunnelSecret) })
      } catch {
        return undefined
      }
    },
    config() {
      try {
        return local ? configAt(CONFIG) : null
      } catch {
        return null
      }
    },
    run(program, args) {
      if (program !== 'cloudflared') return undefined
      const [flag, path = CONFIG, ...rest] = args
      if (flag !== '--config' || rest.join(' ') !== 'tunnel ingress validate')
        return { stderr: 'not simulated\n', code: 1 }
      const failed = (reason: string) => ({ stderr: `Validation failed: ${reason}\n`, code: 1 })
      try {
        checkConfig(configAt(path) ?? {})
        return { stdout: `Validating rules from ${path}\nOK\n` }
      } catch (error) {
        if (error instanceof Refusal) return failed(error.message.replace(/^.*Validation failed: /, ''))
        return failed(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
      }
    },
    install(account, tunnel, rules = null) {
      rmSync(at(FOLDER), { recursive: true, force: true })
      mkdirSync(at(FOLDER), { recursive: true })
      local = rules !== null
      const write = (path: string, text: string): void => writeFileSync(at(path), text, { mode: 0o600 })
      if (!local) return write(TOKEN, `${tokenOf(account, tunnel)}\n`)
      const credentials = `${FOLDER}/${tunnel.id}.json`
      const keys = { AccountTag: account, TunnelID: tunnel.id, TunnelSecret: tunnel.secret }
      write(credentials, JSON.stringify(keys))
      const head = `# The way in. Ask before you change it.\ntunnel: ${tunnel.id}\ncredentials-file: ${credentials}\n`
      write(CONFIG, head + stringify(rules))
    },
    close: () => rmSync(root, { recursive: true, force: true }),
  }
}
