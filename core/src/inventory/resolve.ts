/** What a person named, as targets; and when that fails, what they probably meant. */
import { HomelabError } from '../errors.ts'
import { meant, nearest } from '../nearest.ts'
import type { Guest } from '../proxmox/types.ts'
import { type Directory, guestText, guestTitle, lower } from './directory.ts'
import type { Inventory, ServiceEntry } from './schema.ts'
import type { Target } from './types.ts'

const listHint = '/homelab status lists all.'

/** Each guest once, what others need first. @throws HomelabError `not-found`, `ambiguous`, `usage`, `unauthorised` */
export function resolveNames(names: readonly string[], directory: Directory): readonly Target[] {
  const chosen = new Map<number, Target>()
  for (const name of names) {
    for (const target of resolveOne(name.trim(), directory)) {
      if (!chosen.has(target.guest.vmid)) chosen.set(target.guest.vmid, target)
    }
  }
  return directory.inOrder([...chosen.values()])
}

function resolveOne(name: string, directory: Directory): readonly Target[] {
  if (name === '')
    throw new HomelabError('usage', 'A service or guest is needed, but its name is empty.', {
      hint: listHint,
    })
  if (directory.overview.filtered) throw nothingVisible(directory.inventory)
  if (name.startsWith('@')) return selected(name, directory)
  const service = directory.service.get(lower(name))
  if (service !== undefined) return [directory.target(guestOf(service, directory), service)]
  const vmid = /^\d{1,9}$/.test(name) ? Number(name) : undefined
  const byVmid = vmid === undefined ? undefined : directory.byVmid.get(vmid)
  if (byVmid !== undefined) return [directory.target(real(byVmid))]
  const guests = directory.byName.get(lower(name)) ?? []
  const [guest, ...others] = guests
  if (guest === undefined) throw notFound(name, vmid, directory)
  if (others.length > 0) throw ambiguous(`${guests.length} guests are called "${guest.name}"`, guests)
  return [directory.target(real(guest))]
}

function selected(selector: string, directory: Directory): readonly Target[] {
  const rows = directory.rows()
  const stack = lower(selector.slice(1))
  const members = stack === 'all' ? rows : rows.filter((row) => lower(row.stack) === stack)
  if (members.length === 0 && stack !== 'all') {
    const stacks = [...new Set(rows.map((row) => row.stack))]
    const near = nearest(stack, stacks, 1)[0]
    const rest = stacks.length === 0 ? '' : ` Stacks: ${stacks.map((each) => `@${each}`).join(', ')}.`
    throw new HomelabError(
      'not-found',
      `There is no stack "${selector}".${near ? ` Did you mean @${near}?` : rest}`,
      {
        hint: listHint,
        data: { name: selector, nearest: near === undefined ? [] : [`@${near}`] },
      },
    )
  }
  const missing = members.filter((row) => row.target === undefined).map((row) => row.name)
  const [only] = missing
  if (only !== undefined) {
    // Explains it in full when there is one; leaving it out silently would be a lie about "all".
    const entry = missing.length === 1 ? directory.service.get(lower(only)) : undefined
    if (entry !== undefined) guestOf(entry, directory)
    throw new HomelabError(
      'not-found',
      `These services of ${selector} have no guest: ${missing.join(', ')}.`,
      {
        hint: 'Correct "guest" of these in homelab.yaml, or name the others one by one.',
        data: { name: selector, missing },
      },
    )
  }
  return members.flatMap((row) => row.target ?? [])
}

function guestOf(service: ServiceEntry, directory: Directory): Guest {
  const guests = directory.guestsOf(service)
  const [guest, ...others] = guests
  if (guest !== undefined && others.length === 0) return real(guest)
  if (guest !== undefined) {
    throw ambiguous(
      `${guests.length} guests are called "${guest.name}", the guest of ${service.name}`,
      guests,
      service,
    )
  }
  const wanted =
    typeof service.guest === 'number' ? `VMID ${service.guest}` : `a guest called "${service.guest}"`
  const near = nearest(service.name, guestNames(directory), 3)
  const alsoNear = typeof service.guest === 'string' ? nearest(service.guest, guestNames(directory), 3) : []
  const similar = [...new Set([...alsoNear, ...near])].slice(0, 3)
  throw new HomelabError(
    'not-found',
    `The service ${service.name} runs on ${wanted}, but Proxmox shows no such guest.${meant(similar)}`,
    {
      hint: `Correct "guest" of ${service.name} in homelab.yaml; /homelab guest list shows what is there.`,
      data: { name: service.name, guest: service.guest, nearest: similar },
    },
  )
}

function real(guest: Guest): Guest {
  if (!guest.template) return guest
  throw new HomelabError(
    'usage',
    `${guestText(guest)} (${guestTitle(guest)}) is a template: it never runs.`,
    {
      hint: 'Name a guest that was made from it.',
      data: { vmid: guest.vmid },
    },
  )
}

function notFound(name: string, vmid: number | undefined, directory: Directory): HomelabError {
  const shown = name.length > 60 ? `${name.slice(0, 60)}…` : name
  if (vmid !== undefined) {
    return new HomelabError('not-found', `There is no guest with VMID ${shown}.`, {
      hint: listHint,
      data: { name: shown },
    })
  }
  const services = [...directory.inventory.services].flatMap((entry) => [entry.name, ...entry.aliases])
  const similar = nearest(name, [...services, ...guestNames(directory)], 3)
  return new HomelabError('not-found', `There is no service or guest "${shown}".${meant(similar)}`, {
    hint: listHint,
    data: { name: shown, nearest: similar },
  })
}

function ambiguous(text: string, guests: readonly Guest[], service?: ServiceEntry): HomelabError {
  const candidates = guests.map(({ vmid, type, node, name }) => ({ vmid, type, node, name }))
  return new HomelabError('ambiguous', `${text}: ${guests.map(guestText).join(', ')}.`, {
    hint:
      service === undefined
        ? `Use the VMID, such as ${candidates[0]?.vmid}.`
        : `Write the VMID as "guest" of ${service.name} in homelab.yaml.`,
    data: { candidates },
  })
}

export function nothingVisible(inventory: Inventory): HomelabError {
  const token = inventory.proxmox?.token?.id
  // What a token may do is the intersection with what its user may: both need the role.
  const who =
    token === undefined ? '--users USER@REALM' : `--users ${token.replace(/!.*/, '')} --tokens '${token}'`
  return new HomelabError(
    'unauthorised',
    `Proxmox shows no guests to ${token === undefined ? 'this login' : `the token ${token}`}: it lacks VM.Audit.`,
    {
      hint: `Grant it VM.Audit: pveum acl modify / ${who} --roles PVEAuditor`,
      data: { privilege: 'VM.Audit', path: '/vms' },
    },
  )
}

const guestNames = (directory: Directory): string[] =>
  directory.overview.guests.filter((guest) => !guest.template && guest.name !== '').map((guest) => guest.name)
