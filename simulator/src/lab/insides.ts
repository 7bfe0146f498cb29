/** What is installed in the containers: packages that wait for an update, and the script that a community helper left. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import type { Journal } from '../journal.ts'
import type { Output } from '../ssh/answer.ts'
import type { Guest } from './model.ts'
import { nameOf } from './model.ts'

export interface Package {
  readonly name: string
  version: string
  /** The version that it waits for. */
  to?: string | undefined
  readonly security?: boolean
}

export interface Inside {
  /** As /etc/os-release has it: `debian`, `ubuntu`, `alpine`, … */
  id: string
  pretty: string
  packages: Package[]
  /** What /usr/bin/update brings, when the community's scripts made the container. */
  helper?: { app: string; version: string; to?: string | undefined } | undefined
  /** Seconds since the epoch: when the package lists were read last. */
  listedAt: number
  /** An update has broken its service. */
  broken: boolean
}

/** VMID → how the next updates in it go: see `updateTrouble` of the faults. */
export type UpdateTrouble = 'breaks' | 'fails' | 'hangs' | 'asks'

const helpers = [
  'plex',
  'jellyfin',
  'radarr',
  'sonarr',
  'prowlarr',
  'qbittorrent',
  'immich',
  'n8n',
  'vaultwarden',
]

function usual(guest: Guest, now: number): Inside {
  const app = nameOf(guest)
  return {
    id: 'debian',
    pretty: 'Debian GNU/Linux 12 (bookworm)',
    packages: [
      { name: 'base-files', version: '12.4+deb12u9' },
      { name: 'openssl', version: '3.0.15-1~deb12u1', to: '3.0.17-1~deb12u2', security: true },
      { name: 'tzdata', version: '2024b-0+deb12u1', to: '2025b-0+deb12u1' },
    ],
    ...(helpers.includes(app) && { helper: { app, version: '1.40.0', to: '1.41.2' } }),
    listedAt: Math.floor(now / 1000) - 26 * 3600,
    broken: false,
  }
}

export class Insides {
  readonly #insides = new Map<number, Inside>()
  readonly #first: readonly (readonly [number, Inside])[]
  readonly #listeners = new Set<(vmid: number) => void>()
  readonly #faults: Faults
  readonly #journal: Journal

  /** @param guests of which something is known; in all others there is nothing */
  constructor(guests: readonly Guest[], clock: Clock, faults: Faults, journal: Journal) {
    this.#faults = faults
    this.#journal = journal
    this.#first = guests
      .filter(({ type, template }) => type === 'lxc' && !template)
      .map((guest) => [guest.vmid, usual(guest, clock.now())])
    for (const [vmid, inside] of this.#first) this.#insides.set(vmid, structuredClone(inside))
  }

  get vmids(): readonly number[] {
    return [...this.#insides.keys()]
  }

  of(vmid: number): Inside | undefined {
    return this.#insides.get(vmid)
  }

  trouble(vmid: number): UpdateTrouble | undefined {
    return this.#faults.updateTrouble[vmid]
  }

  /** For a snapshot or an archive. */
  saved(vmid: number): Inside | undefined {
    return structuredClone(this.#insides.get(vmid))
  }

  put(vmid: number, inside: Inside | undefined): void {
    if (inside === undefined) this.#insides.delete(vmid)
    else this.#insides.set(vmid, structuredClone(inside))
    this.#changed(vmid)
  }

  /** @throws Error for a container of which nothing is known */
  change(vmid: number, change: Partial<Inside>): Inside {
    const inside = this.#insides.get(vmid)
    if (inside === undefined) throw new Error(`nothing is known of what is in ${vmid}`)
    Object.assign(inside, change)
    this.#changed(vmid)
    return inside
  }

  reset(): void {
    this.#insides.clear()
    for (const [vmid, inside] of this.#first) this.#insides.set(vmid, structuredClone(inside))
    this.refresh()
  }

  /** To be called when the faults have changed. */
  refresh(): void {
    for (const vmid of this.#insides.keys()) this.#changed(vmid)
  }

  onChange(listener: (vmid: number) => void): void {
    this.#listeners.add(listener)
  }

  #changed(vmid: number): void {
    for (const listener of this.#listeners) listener(vmid)
  }

  /** `lab-apt`, `lab-apk` and `lab-update`: what changes something. The rest is in files, see ssh/inside.ts. */
  async run(guest: Guest, program: string, args: readonly string[]): Promise<Output | undefined> {
    if (!['lab-apt', 'lab-apk', 'lab-update'].includes(program)) return undefined
    const inside = this.#insides.get(guest.vmid)
    if (inside === undefined) return { stderr: `${program}: not found\n`, code: 127 }
    if (args.includes('update')) {
      inside.listedAt = Math.floor(Date.now() / 1000)
      this.#changed(guest.vmid)
      return { stdout: 'Reading package lists...\n' }
    }
    const trouble = this.trouble(guest.vmid)
    const tell = (state: 'begun' | 'done' | 'failed') =>
      this.#journal.add({ kind: 'update', vmid: guest.vmid, program, state })
    tell('begun')
    if (this.#faults.updateMs > 0) await sleep(this.#faults.updateMs, undefined, { ref: false })
    if (trouble === 'fails') {
      inside.broken = true
      tell('failed')
      return program === 'lab-update'
        ? { stdout: 'Stopping the service\nUpdating\n', stderr: '[ERROR] in line 42: exit code 1\n', code: 1 }
        : {
            stdout: 'Setting up openssl ...\n',
            stderr: [
              'dpkg: error processing package openssl (--configure):',
              ' installed openssl package post-installation script subprocess returned error exit status 1',
              'E: Sub-process /usr/bin/dpkg returned an error code (1)\n',
            ].join('\n'),
            code: 100,
          }
    }
    const lines = program === 'lab-update' ? renew(inside) : upgrade(inside)
    if (trouble === 'breaks') inside.broken = true
    this.#changed(guest.vmid)
    tell('done')
    return { stdout: `${lines.join('\n')}\n` }
  }
}

function upgrade(inside: Inside): string[] {
  return inside.packages.flatMap((each) => {
    const { to, version } = each
    if (to === undefined) return []
    each.version = to
    each.to = undefined
    return [`Unpacking ${each.name} (${to}) over (${version}) ...`, `Setting up ${each.name} (${to}) ...`]
  })
}

function renew({ helper }: Inside): string[] {
  if (helper?.to === undefined) return [`No update required. ${helper?.app ?? ''} is already up to date`]
  helper.version = helper.to
  helper.to = undefined
  return [`Updated ${helper.app} to v${helper.version}`, 'Updated successfully!']
}
