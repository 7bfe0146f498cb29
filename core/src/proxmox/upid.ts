import { HomelabError } from '../errors.ts'
import type { Upid } from './types.ts'

// node : pid : pstart : starttime : type : id : user. pstart grows to nine digits after 497 days of uptime.
const form =
  /^UPID:([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?):[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:([0-9A-Fa-f]{8}):([^:\s]+):([^:\s]*):([^:\s]+):$/

export function tryParseUpid(text: unknown): Upid | undefined {
  if (typeof text !== 'string') return undefined
  const [, node, start, type, id, user] = form.exec(text) ?? []
  if (node === undefined || start === undefined || type === undefined || user === undefined) return undefined
  return { text, node, type, id: id ?? '', user, startTime: Number.parseInt(start, 16) }
}

/** @throws HomelabError `usage` when the text is not a UPID */
export function parseUpid(text: string): Upid {
  const upid = tryParseUpid(text)
  if (upid !== undefined) return upid
  throw new HomelabError('usage', `"${text.slice(0, 120)}" is not a Proxmox task id`, {
    hint: 'A task id has the form UPID:node:pid:pstart:starttime:type:id:user:',
  })
}

/** `vzreboot of CT 110 on pve`. */
export function describeTask(upid: Upid): string {
  if (upid.id === '') return `${upid.type} on ${upid.node}`
  const kind =
    upid.type.startsWith('vz') && upid.type !== 'vzdump' ? 'CT ' : upid.type.startsWith('qm') ? 'VM ' : ''
  return `${upid.type} of ${kind}${upid.id} on ${upid.node}`
}
