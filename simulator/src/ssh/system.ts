/** Programs that install a service in a container: packages, users and units. Harmless, and with as much memory as it takes. */

import { normal, resolve } from '../files/tree.ts'
import type { Inside, Unit } from '../files/world.ts'
import { catalogue } from '../lab/homelab.ts'
import type { Guest, Service } from '../lab/model.ts'
import { nameOf } from '../lab/model.ts'
import type { Services } from '../services/services.ts'
import type { Sim } from '../sim.ts'
import type { Output } from './answer.ts'
import { fail } from './answer.ts'
import { isUnit } from './unit.ts'
import { getent, groupadd, id, option, putFile, read, useradd, usermod } from './users.ts'

export interface SystemCall {
  readonly sim: Sim
  readonly services: Services
  readonly guest: Guest
  readonly inside: Inside
  readonly args: readonly string[]
  readonly stdin: Buffer
}

type Program = (call: SystemCall) => Output | Promise<Output>

/** Debian's packages that bring units with other names than their own. */
const unitsOfPackages: Readonly<Record<string, readonly string[]>> = {
  'redis-server': ['redis-server.service'],
  postgresql: ['postgresql.service', 'postgresql@16-main.service'],
  'qbittorrent-nox': [],
  'ca-certificates': [],
  curl: [],
}

/** Whom their packages bring along. */
const usersOfPackages: Readonly<Record<string, string>> = { 'redis-server': 'redis', postgresql: 'postgres' }

const unitFolders = ['/etc/systemd/system', '/lib/systemd/system', '/usr/lib/systemd/system']

/** Installed from its package, a service is started at once, as Debian does. */
async function aptGet(call: SystemCall): Promise<Output> {
  const { inside, args } = call
  const [command = '', ...names] = args.filter(
    (arg, index) => !arg.startsWith('-') && args[index - 1] !== '-o',
  )
  if (command === 'update') return { stdout: 'Reading package lists...\n' }
  if (command === 'install') {
    const odd = names.find((name) => !/^[a-z0-9][a-z0-9+.:-]*(=\S+)?$/.test(name) && !name.startsWith('/'))
    if (odd !== undefined)
      return {
        stdout: 'Reading package lists...\n',
        stderr: `E: Unable to locate package ${odd}\n`,
        code: 100,
      }
    for (const whole of names) {
      const name = whole.split('=')[0] ?? ''
      inside.packages.add(name)
      const user = usersOfPackages[name]
      // One that is there already stays.
      if (user !== undefined) useradd({ ...call, args: ['--system', user] })
      const service = catalogue.find((each) => each.name === name || each.unit === `${name}.service`)
      for (const unit of unitsOfPackages[name] ?? (service === undefined ? [] : [service.unit])) {
        putFile(inside, `/lib/systemd/system/${unit}`, `[Service]\nExecStart=/usr/bin/${name}\n`)
        await setUnit(call, unit, { enabled: true, active: true })
      }
    }
    return { stdout: `Reading package lists...\n${names.map((name) => `Setting up ${name} ...\n`).join('')}` }
  }
  if (command === 'remove' || command === 'purge') for (const name of names) inside.packages.delete(name)
  return {
    stdout: 'Reading package lists...\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n',
  }
}

function dpkg({ inside, args }: SystemCall): Output {
  const name = args.at(-1) ?? ''
  if (args.includes('--print-architecture')) return { stdout: 'amd64\n' }
  if (args[0] === '-i') return { stdout: `Setting up ${name} ...\n` }
  return inside.packages.has(name)
    ? { stdout: 'install ok installed\n' }
    : fail(`dpkg-query: no packages found matching ${name}`)
}

/** What makes a service answer: its unit, or any of its own in a container that has its name. */
function serviceOf(guest: Guest, unit: string): Service | undefined {
  const named = catalogue.find(({ name }) => name === nameOf(guest))
  const byUnit = catalogue.find((each) => isUnit(unit, each.unit) || isUnit(each.unit, unit))
  return byUnit ?? (unit.includes(nameOf(guest)) ? named : undefined)
}

export async function setUnit(call: SystemCall, unit: string, to: Partial<Unit>): Promise<void> {
  const { inside, guest, services } = call
  const now = inside.units.get(unit) ?? { enabled: false, active: false }
  inside.units.set(unit, { ...now, ...to })
  const service = serviceOf(guest, unit)
  if (service !== undefined) {
    const runs = () => inside.units.get(unit)?.active === true
    await services.install(service.name, guest, runs)
  }
}

const fullName = (unit: string): string =>
  /\.(service|timer|socket|target|mount|path)$/.test(unit) ? unit : `${unit}.service`

const hasUnit = (inside: Inside, unit: string): boolean =>
  inside.units.has(unit) ||
  unitFolders.some((at) => inside.files.get(`${at}/${unit}`) !== undefined) ||
  unitFolders.some((at) => inside.files.get(`${at}/${unit.replace(/@[^.]+/, '@')}`) !== undefined)

/** undefined: no command or unit that is known here. */
export async function systemctl(call: SystemCall): Promise<Output | undefined> {
  const { inside, args } = call
  const [command = '', ...units] = args.filter((arg) => !arg.startsWith('-'))
  if (command === 'daemon-reload' || command === 'daemon-reexec' || command === 'reset-failed') return {}
  // What an update has broken does not start any more.
  const broken = call.sim.insides.of(call.guest.vmid)?.broken === true
  if (command === 'is-system-running')
    return broken ? { stdout: 'degraded\n', code: 1 } : { stdout: 'running\n' }
  if (command === 'list-units' && args.includes('--failed')) {
    const app = call.sim.insides.of(call.guest.vmid)?.helper?.app ?? 'app'
    return { stdout: broken ? `${app}.service loaded failed failed The ${app} service\n` : '' }
  }
  const names = units.map(fullName)
  if (names.length === 0 || !names.some((unit) => hasUnit(inside, unit))) {
    if (['enable', 'disable'].includes(command))
      return fail(`Failed to ${command} unit: Unit file ${names[0] ?? ''} does not exist.`)
    return undefined
  }
  const now = args.includes('--now')
  for (const unit of names) {
    if (!hasUnit(inside, unit)) return fail(`Unit ${unit} not found.`, 5)
    const state = inside.units.get(unit) ?? { enabled: false, active: false }
    const wanted: Readonly<Record<string, Partial<Unit>>> = {
      enable: { enabled: true, ...(now && { active: true }) },
      disable: { enabled: false, ...(now && { active: false }) },
      start: { active: true },
      restart: { active: true },
      'try-restart': {},
      reload: {},
      'reload-or-restart': { active: true },
      stop: { active: false },
      mask: { enabled: false },
      unmask: {},
    }
    const change = wanted[command]
    if (change !== undefined) {
      await setUnit(call, unit, change)
      continue
    }
    const word = state.active ? 'active' : 'inactive'
    const quiet = args.includes('--quiet') || args.includes('-q')
    if (command === 'is-active') return { stdout: quiet ? '' : `${word}\n`, code: state.active ? 0 : 3 }
    if (command === 'is-enabled')
      return {
        stdout: quiet ? '' : `${state.enabled ? 'enabled' : 'disabled'}\n`,
        code: state.enabled ? 0 : 1,
      }
    if (command === 'status') return { stdout: `${unit}\n     Active: ${word}\n`, code: state.active ? 0 : 3 }
    if (command === 'show')
      return {
        stdout: args.includes('--value')
          ? `${word}\n`
          : `Id=${unit}\nActiveState=${word}\nSubState=${state.active ? 'running' : 'dead'}\n`,
      }
    if (command === 'cat')
      return {
        stdout: unitFolders.map((at) => read(inside, `${at}/${unit}`)).find((text) => text !== '') ?? '',
      }
    return undefined
  }
  return {}
}

const nothing: Program = () => ({})

/** What the archives of services have at their top, where that is not their own name. */
const tops: Readonly<Record<string, string>> = { radarr: 'Radarr', sonarr: 'Sonarr', prowlarr: 'Prowlarr' }

/** An archive that is unpacked leaves its folder with a program of its name, so that what asks for it finds it. */
function unpack({ inside, args }: SystemCall): Output {
  const archive = args.find((arg) => arg.startsWith('/')) ?? ''
  if (inside.files.get(resolve(inside.files, archive)) === undefined)
    return fail(`tar: ${archive}: Cannot open: No such file or directory`, 2)
  const to = option(args, '-C', '-d', '--directory') ?? '/'
  const name = (archive.split('/').at(-1) ?? 'archive').replace(/\..*$/, '')
  const top = tops[name] ?? name
  putFile(inside, normal(`${to}/${top}/${top}`), '')
  return {}
}

export const systemPrograms: Readonly<Record<string, Program>> = {
  a2enmod: nothing,
  a2ensite: nothing,
  'apt-get': aptGet,
  chpasswd: nothing,
  dpkg,
  'dpkg-query': dpkg,
  getent,
  gpg: nothing,
  groupadd,
  id,
  npm: ({ inside, args }) => {
    for (const name of args.filter((arg) => !arg.startsWith('-')).slice(1)) inside.packages.add(name)
    return { stdout: 'added 1 package\n' }
  },
  tar: unpack,
  timedatectl: nothing,
  unzip: unpack,
  'update-ca-certificates': nothing,
  useradd,
  usermod,
}
