/** `pct` on a container's node, as root: for what Proxmox lets no token do. */
import { HomelabError } from '../errors.ts'
import type { ExecOptions, ExecResult, Shell } from '../ports.ts'
import type { GuestConfig } from '../proxmox/backup-types.ts'
import { parseConfig } from '../proxmox/guest-config.ts'
import type { GuestRef } from '../proxmox/types.ts'

/** pct waits up to 10 s for a lock, and starts slowly. */
const timeoutMs = 60_000

/** What went wrong on the node, in its own words: the last line of stderr. */
export const lastWords = ({ stderr, code }: ExecResult): string =>
  stderr.trim().split('\n').at(-1) || `it ended with ${code ?? 'a signal'}`

/**
 * One command of pct for this container.
 * @throws HomelabError `locked`, `not-found`, `unauthorised`, `config`, `failed`, and those of the shell
 */
export async function pct(
  guest: GuestRef,
  verb: 'config' | 'set' | 'status',
  args: readonly string[],
  shell: Shell,
  options: ExecOptions = {},
): Promise<string> {
  if (guest.type !== 'lxc')
    throw new HomelabError('usage', `${guest.name} is a virtual machine: this is for containers only`)
  const result = await shell.exec(['pct', verb, String(guest.vmid), ...args], { timeoutMs, ...options })
  if (result.code === 0) return result.stdout
  throw refusalOf(guest, verb, result)
}

/** As PVE::CLI::pct, PVE::LXC::Config and PVE::JSONSchema word it. */
function refusalOf(guest: GuestRef, verb: string, result: ExecResult): HomelabError {
  const said = result.stderr.trim()
  const data = { vmid: guest.vmid, node: guest.node, stderr: said }
  const who = `${guest.name} (CT ${guest.vmid})`
  const lock = /CT is locked \(([^)]*)\)/.exec(said)?.[1]
  if (lock !== undefined)
    return new HomelabError('locked', `${who} is locked (${lock})`, {
      hint: 'Wait until that is over, then try again.',
      data,
    })
  if (/can't lock file .* got timeout/.test(said))
    return new HomelabError('locked', `something else is changing ${who}`, {
      hint: `task list ${guest.name} shows what; then try again.`,
      data,
    })
  if (/Configuration file '\S*' does not exist/.test(said))
    return new HomelabError('not-found', `${guest.node} has no container ${guest.vmid}`, {
      hint: `${guest.name} was removed or moved to another node: list the guests again.`,
      data,
    })
  if (/please run as root/i.test(said))
    return new HomelabError('unauthorised', `pct on ${guest.node} runs for root only`, {
      hint: `Let SSH log in to ${guest.node} as root.`,
      data,
    })
  if (result.code === 127)
    return new HomelabError('config', `${guest.node} has no pct: is it a Proxmox node?`, {
      hint: 'Look at its SSH host in homelab.yaml.',
      data,
    })
  const unknown = /^Unknown option: (\S+)/m.exec(said)?.[1]
  if (unknown !== undefined)
    return new HomelabError('failed', `pct on ${guest.node} does not know --${unknown}`, {
      hint: /^dev\d+$/.test(unknown)
        ? 'Devices for containers need Proxmox VE 8.2: upgrade the node.'
        : 'Upgrade the node.',
      data,
    })
  return new HomelabError('failed', `pct ${verb} ${guest.vmid} failed: ${lastWords(result)}`, { data })
}

/**
 * The container's configuration as it is now, by key; lines that come more than once are joined by newlines.
 * @throws HomelabError as {@link pct}
 */
export async function configNow(
  guest: GuestRef,
  shell: Shell,
  options: ExecOptions = {},
): Promise<GuestConfig> {
  return parseConfig(await pct(guest, 'config', [], shell, options))
}

/** `mp0`, `dev3`: the lowest numbers that are not taken. */
export function freeKeys(config: GuestConfig, prefix: 'mp' | 'dev', count: number): readonly string[] {
  const keys: string[] = []
  for (let number = 0; keys.length < count && number < 256; number += 1)
    if (config[`${prefix}${number}`] === undefined) keys.push(`${prefix}${number}`)
  if (keys.length < count)
    throw new HomelabError('conflict', `there is no free ${prefix} number left, of 256`)
  return keys
}

/**
 * `pct set`, and what is written then: pct ends well also with a change that it only keeps for later.
 * @param wanted keys with the values that they shall have
 * @throws HomelabError `failed` when the configuration does not say so afterwards, and as {@link pct}
 */
export async function setAndCheck(
  guest: GuestRef,
  wanted: Readonly<Record<string, string>>,
  shell: Shell,
  {
    same = (before: string, now: string) => before === now,
    ...options
  }: ExecOptions & {
    readonly same?: (wanted: string, now: string) => boolean
  } = {},
): Promise<void> {
  const args = Object.entries(wanted).flatMap(([key, value]) => [`--${key}`, value])
  await pct(guest, 'set', args, shell, options)
  const now = await configNow(guest, shell, options)
  const missing = Object.keys(wanted).filter((key) => !same(wanted[key] ?? '', now[key] ?? ''))
  if (missing.length > 0)
    throw new HomelabError(
      'failed',
      `${guest.name} (CT ${guest.vmid}) has not taken ${missing.join(', ')}, though pct said so`,
      { hint: `Look at pct config ${guest.vmid} on ${guest.node}.`, data: { vmid: guest.vmid, missing } },
    )
}
