/** Fields that several of the tunnel's operations have. */

import { z } from 'zod'
import type { AccessRule } from '../../cloudflare/index.ts'
import { HomelabError } from '../../errors.ts'
import { hostnameOf } from '../../tunnel/hostnames.ts'

export const tunnelInput = z.string().min(1).max(100).describe('Tunnel, by its ID or its name')
export const hostnameInput = z.string().min(1).max(300).describe('Host name as visitors type it')

/** @throws HomelabError `usage` for one that cannot be, `*` too */
export const wholeName = (typed: string): string => hostnameOf(typed, undefined)

const group = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** `me@example.com`, `example.com` or `@example.com` for all addresses there, or the id of an Access group. @throws HomelabError `usage` */
export function accessRule(text: string): AccessRule {
  if (group.test(text)) return { group: text.toLowerCase() }
  if (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text)) return { email: text.toLowerCase() }
  if (/^@?[^\s@/]+\.[^\s@/]+$/.test(text)) return { domain: wholeName(text.replace(/^@/, '')) }
  throw new HomelabError('usage', `"${text.slice(0, 60)}" is nobody who could log in`, {
    hint: 'Give an e-mail address, a domain of e-mail addresses, or the ID of an Access group.',
  })
}

const schemes = /^(?:https?|tcp|ssh|rdp|smb):\/\/(?:\[[0-9a-f:.]+\]|[^\s/?#@:[\]]+)(?::\d{1,5})?\/?$/i

/** As a rule of the tunnel has it, without a path. @throws HomelabError `usage` */
export function serviceOf(typed: string): string {
  const text = typed.trim().replace(/\/$/, '')
  if (schemes.test(text) && URL.canParse(text)) return text
  throw new HomelabError('usage', `"${typed.slice(0, 80)}" is nothing that a tunnel can lead to`, {
    hint: 'Give an address without a path, as cloudflared reaches it, such as http://192.168.1.101:80.',
  })
}

/** Core speaks of its own commands: the same refusal, with a next step of the node. */
export const hinted = (error: HomelabError, hint: string): HomelabError =>
  new HomelabError(error.code, error.message, {
    hint,
    ...(error.data === undefined ? {} : { data: error.data }),
    cause: error,
  })
