/** Making a service, whole or not at all: each step can be done again, and how to take it back is known before it is done. */
import { HomelabError } from '../errors.ts'
import { waitUntilUp } from '../health/index.ts'
import { prefixed } from '../operation/prefixed.ts'
import type { Verbs } from '../operation/types.ts'
import { start } from '../operations/guest/create.ts'
import { option } from '../proxmox/guest-config.ts'
import type { GuestRef } from '../proxmox/types.ts'
import { addressOf } from '../tunnel/backend.ts'
import { runExposure } from '../tunnel/expose.ts'
import { isAsked, unaskedWords } from './asking.ts'
import { create } from './create.ts'
import { credentials, database, undoDatabase } from './database-steps.ts'
import { wantedExposure } from './exposure.ts'
import { findProvision, targetOf } from './find.ts'
import { install } from './install.ts'
import { lastWords } from './pct.ts'
import { prepare, undoHost } from './prepare.ts'
import { claimRoom, holdRoom } from './room.ts'
import type { Found, Provisioned, ProvisionServices } from './types.ts'
import type { Wanted } from './wanted.ts'
import { watch } from './watch.ts'
import { again, type MadeWork, newMark, patientUndo, type Work } from './work.ts'
import { write } from './write.ts'

/** Seconds that a container may need until it has an address. */
const ADDRESS_SECONDS = 90
/** Seconds that one by IPv4 may come later: IPv6 has its own before DHCP has answered. */
const IPV4_SECONDS = 20

/** @throws HomelabError why it is not there; by then nothing of it is, unless the log says what could not be taken back */
export async function runProvision(
  wanted: Wanted,
  services: ProvisionServices,
  given: Verbs,
): Promise<Provisioned> {
  const verbs = patientUndo(given, services.clock)
  verbs.report({ text: 'Looking whether there is room' })
  const found = (await verbs.step('look', async () => {
    return JSON.parse(JSON.stringify(await findProvision(wanted, services, verbs.signal)))
  })) as unknown as Found
  const mark = await verbs.step('mark', async () => newMark())
  try {
    // At once with the look whether it is there: others may have begun meanwhile. After a crash it is this run's already.
    await verbs.step('room', async () => {
      claimRoom(mark, found, services.proxmox.provision)
      return null
    })
    holdRoom(mark, found, services.proxmox.provision)
    return await makeIt({ found, services, verbs, mark })
  } finally {
    services.proxmox.provision.room.release(mark)
  }
}

async function makeIt(work: Work): Promise<Provisioned> {
  const { found, services, verbs } = work
  const traces = undoHost(work)
  undoDatabase(work)
  const guest = await create(work)
  holdRoom(work.mark, found, services.proxmox.provision, true)
  const made: MadeWork = { ...work, guest }
  await prepare(made, traces)
  await start(guest, services, verbs)
  const address = await addressIn(made)
  await database(work)
  const url = found.hostname === null ? '' : `https://${found.hostname}`
  // Nobody enters a VM.
  if (guest.type === 'lxc')
    await install(made, { hostname: found.hostname ?? found.name, url }, () => credentials(work))
  await startUnit(made)
  const asked = await answers(made, reachableAt(guest, address))
  await expose(made, reachableAt(guest, address))
  const watched = await watch(made, address)
  const diff = await write(made)
  // Whoever names it next should find it.
  await services.lab.overview({ fresh: true }).catch(() => undefined)
  const { blueprint } = found.from
  return {
    service: found.name,
    title: blueprint.title,
    vmid: guest.vmid,
    type: guest.type,
    node: guest.node,
    ...(address === '' ? {} : { address }),
    ...(url === '' ? {} : { url }),
    ...(blueprint.database === undefined ? {} : { database: blueprint.database.name }),
    saved: [...found.saved, ...(found.plan === null ? [] : ['its guest by a plan of its own'])],
    watched,
    asked,
    ...(diff === undefined ? {} : { diff }),
    warnings: [...found.warnings, ...unaskedWords(found, services.health)],
  }
}

/**
 * What is named is asked there and nowhere else. A container is asked inside, too, where this machine does not reach the network
 * of the guests; a VM cannot be, and its number may be known by the address of another guest that had it.
 */
const reachableAt = ({ type }: GuestRef, address: string): string | undefined =>
  type === 'lxc' || address === '' ? undefined : address

/** @returns '' when it has none that is known: a VM without its agent */
export async function addressIn(work: MadeWork): Promise<string> {
  const { services, verbs, guest, found } = work
  verbs.report({ text: `Waiting for the address of ${guest.name}` })
  return await verbs.follow<string>('address', async (signal) => {
    const end = services.clock.monotonic() + ADDRESS_SECONDS * 1000
    // Cloud-init's, when its agent does not say it.
    const told = found.machine && option(found.net, 'ip')?.split('/')[0]
    const known = told === undefined || told === 'dhcp' ? '' : told
    if (found.machine?.agent === false) return known
    let enough = end
    let seen = false
    for (;;) {
      const target = targetOf(found.name, guest.vmid, found.from, guest.node)
      const address = await addressOf(target, services, signal)
      const now = services.clock.monotonic()
      if (address !== undefined && !seen) {
        seen = true
        enough = Math.min(end, now + IPV4_SECONDS * 1000)
      }
      if (address !== undefined && (!address.includes(':') || now >= enough)) return address
      if (now >= end) {
        if (guest.type === 'qemu') return known
        throw new HomelabError('timeout', `${guest.name} has no address after ${ADDRESS_SECONDS} s.`, {
          hint: 'Is there a DHCP server on its bridge? Otherwise say `ip:192.168.1.150/24 gateway:192.168.1.1`.',
          data: { vmid: guest.vmid, net: found.net },
        })
      }
      await services.clock.sleep(500, signal)
    }
  })
}

async function startUnit(work: MadeWork): Promise<void> {
  const { found, services, verbs, guest } = work
  const { unit, create: how } = found.from.blueprint
  // A script enables what it installs.
  if (unit === undefined || guest.type !== 'lxc') return
  const shell = services.shells.guest(guest)
  verbs.report({ text: `Starting ${unit}` })
  await again(work, 'unit', async () => {
    const result = await shell.exec(['systemctl', 'enable', '--now', unit], {
      signal: verbs.signal,
      timeoutMs: 120_000,
    })
    if (result.code === 0) return null
    throw new HomelabError('failed', `${unit} does not start: ${lastWords(result)}`, {
      hint:
        how.by === 'script'
          ? 'Does the script call its unit so? The blueprint says `unit`.'
          : 'The log of this run has what was installed.',
      data: { vmid: guest.vmid, unit },
    })
  })
}

/** @returns whether it was asked at all */
async function answers(work: MadeWork, address: string | undefined): Promise<boolean> {
  const { found, services, verbs, guest } = work
  const { start: seconds, title } = found.from.blueprint
  if (!isAsked(found, services.health)) return false
  const target = targetOf(found.name, guest.vmid, found.from, guest.node, address)
  verbs.report({ text: `Waiting until ${title} answers` })
  const report = await verbs.follow('health', async (signal) => {
    const { clock } = services
    const { state, detail } = await waitUntilUp(services.health, target, {
      clock,
      signal,
      timeoutMs: seconds * 1000,
    })
    return { state, detail }
  })
  // That nobody could ask is no proof.
  if (report.state === 'up' || report.state === 'degraded') return true
  const lines = await lastLines(work)
  throw new HomelabError(
    'failed',
    report.state === 'unknown'
      ? `It could not be seen whether ${title} answers: ${report.detail}.`
      : `${title} does not answer after ${seconds} s: ${report.detail}.`,
    {
      hint:
        lines.length === 0
          ? 'The log of this run has what was installed.'
          : `Its journal ends with: ${lines.join(' | ')}`,
      data: { vmid: guest.vmid, detail: report.detail, journal: lines },
    },
  )
}

/** Of its journal, before it is taken away; [] when it cannot be read. */
async function lastLines({ services, guest, found, verbs }: MadeWork): Promise<readonly string[]> {
  const { unit } = found.from.blueprint
  if (guest.type !== 'lxc' || unit === undefined) return []
  const argv = ['journalctl', '--no-pager', '--quiet', '--output=cat', `--unit=${unit}`, '--lines=5']
  try {
    const { stdout, code } = await services.shells
      .guest(guest)
      .exec(argv, { signal: verbs.signal, timeoutMs: 15_000 })
    const lines = code === 0 ? stdout.split('\n').filter((line) => line.trim() !== '') : []
    for (const line of lines) verbs.log(`journal: ${line}`)
    return lines.slice(-2)
  } catch {
    verbs.signal.throwIfAborted()
    return []
  }
}

async function expose(work: MadeWork, address: string | undefined): Promise<void> {
  const { found, services, verbs, guest } = work
  const { network } = services
  if (found.hostname === null || network === undefined) return
  const target = targetOf(found.name, guest.vmid, found.from, guest.node, address)
  // homelab.yaml does not have it yet.
  const lab = {
    ...services.lab,
    resolve: async (...args: Parameters<typeof services.lab.resolve>) => {
      const [names] = args
      return names.length === 1 && names[0] === found.name ? [target] : await services.lab.resolve(...args)
    },
  }
  await runExposure(
    { ...wantedExposure(found.name, found.from.blueprint), hostname: found.hostname },
    { ...services, network, lab },
    prefixed(verbs, 'expose'),
  )
}
