/** Programs inside a container: its journal, its units, and the checks of what runs in it. */

import { programs } from '../files/programs.ts'
import { FileError } from '../files/tree.ts'
import type { Guest, Service } from '../lab/model.ts'
import { nameOf } from '../lab/model.ts'
import type { Services } from '../services/services.ts'
import type { Machine, Sim } from '../sim.ts'
import type { Given, Output } from './answer.ts'
import { fail, runOnFiles } from './answer.ts'
import { curl } from './curl.ts'
import { fetch, isRemote } from './fetch.ts'
import { df } from './host.ts'
import { journal } from './journal.ts'
import { systemPrograms, systemctl as unitctl } from './system.ts'
import { isUnit } from './unit.ts'
import { idIn } from './users.ts'

function systemctl(
  args: readonly string[],
  service: Service | undefined,
  up: boolean,
  machine: Machine | undefined,
): Output {
  const [command, unit = ''] = args.filter((arg) => !arg.startsWith('-'))
  const full = unit.includes('.') ? unit : `${unit}.service`
  const known = service !== undefined && isUnit(unit, service.unit)
  if (command === 'is-active') {
    const state = known ? (up ? 'active' : 'activating') : 'inactive'
    return {
      stdout: args.includes('--quiet') || args.includes('-q') ? '' : `${state}\n`,
      code: state === 'active' ? 0 : 3,
    }
  }
  if (command === 'list-units' || command === 'list-unit-files')
    return { stdout: service ? `${service.unit} loaded active running ${service.name}\n` : '' }
  if (command === 'cat' && known && machine !== undefined) return { stdout: machine.unitText() }
  if (command === 'daemon-reload') return {}
  if (command === 'status' || command === 'show' || command === 'cat')
    return known ? { stdout: `${full}\n` } : fail(`Unit ${full} could not be found.`, 4)
  if (command === 'restart' && known) machine?.restart()
  if (command === 'restart' || command === 'start' || command === 'stop')
    return known ? {} : fail(`Failed to ${command} ${full}: Unit ${full} not found.`, 5)
  return fail(`Unknown command verb ${command ?? ''}.`)
}

function pgIsReady(service: Service | undefined, up: boolean, mood: string | undefined): Output {
  const where = '/var/run/postgresql:5432'
  if (service?.name !== 'postgresql' || !up) return { stdout: `${where} - no response\n`, code: 2 }
  if (mood === 'error') return { stdout: `${where} - rejecting connections\n`, code: 1 }
  return { stdout: `${where} - accepting connections\n` }
}

function redisCli(
  args: readonly string[],
  service: Service | undefined,
  up: boolean,
  mood: string | undefined,
): Output {
  if (service?.name !== 'redis' || !up)
    return fail('Could not connect to Redis at 127.0.0.1:6379: Connection refused')
  if (mood === 'error') return { stdout: 'LOADING Redis is loading the dataset in memory\n' }
  return args.some((arg) => arg.toLowerCase() === 'ping') ? { stdout: 'PONG\n' } : { stdout: '\n' }
}

/** `occ maintenance:mode` of the one Nextcloud. */
function php(sim: Sim, guest: Guest, service: Service | undefined, args: readonly string[]): Output {
  const [script = '', command = '', option] = args
  if (service?.name !== 'nextcloud' || !script.endsWith('/occ'))
    return fail(`Could not open input file: ${script}`)
  if (command !== 'maintenance:mode') return fail(`There are no commands defined like "${command}".`)
  if (option === '--on' || option === '--off') {
    const on = option === '--on'
    const word = on === sim.nextcloud.maintenance ? 'already ' : ''
    sim.nextcloud.maintenance = on
    sim.journal.add({ kind: 'maintenance', vmid: guest.vmid, on })
    return { stdout: `Maintenance mode ${word}${on ? 'enabled' : 'disabled'}\n` }
  }
  return {
    stdout: `Maintenance mode is currently ${sim.nextcloud.maintenance ? 'enabled' : 'disabled'}\n`,
  }
}

async function onSystem(run: () => Output | Promise<Output>, program: string): Promise<Output> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof FileError) return fail(`${program}: ${error.message}`)
    throw error
  }
}

export async function runInContainer(
  sim: Sim,
  services: Services,
  guest: Guest,
  [program = '', ...args]: readonly string[],
  { stdin }: Given,
): Promise<Output> {
  const inside = sim.files.container(guest)
  const { files } = inside
  const onFiles = programs[program]
  if (onFiles !== undefined)
    return runOnFiles(onFiles, program, { files, args, stdin, id: (kind, name) => idIn(inside, kind, name) })
  const call = { sim, services, guest, inside, args, stdin }
  const system = systemPrograms[program]
  if (system !== undefined) return await onSystem(() => system(call), program)
  const service = sim.lab.services.find(({ vmid }) => vmid === guest.vmid)
  const up = services.isUpIn(guest.vmid)
  const mood =
    service && (sim.faults.broken[service.name] ?? (sim.insides.of(guest.vmid)?.broken ? 'error' : undefined))
  switch (program) {
    case 'journalctl':
      return journal(sim, guest, args)
    case 'systemctl':
      return (await unitctl(call)) ?? systemctl(args, service, up, sim.machines.get(guest.vmid))
    case 'pg_isready':
      return pgIsReady(service, up, mood)
    case 'redis-cli':
      return redisCli(args, service, up, mood)
    case 'curl':
    case 'wget':
      return isRemote(args)
        ? fetch(program, args, files)
        : await curl(program, args, service, services.addressIn(guest.vmid))
    case 'php':
      return php(sim, guest, service, args)
    case 'hostname':
      return { stdout: args.includes('-I') ? `${guest.ip} \n` : `${nameOf(guest)}\n` }
    case 'df':
      return df(sim, args)
    case 'uptime':
      return {
        stdout: ` 10:00:00 up ${Math.floor((sim.clock.now() - guest.startedAt) / 60_000)} min,  0 users,  load average: 0.10, 0.08, 0.05\n`,
      }
    default:
      return (
        (await sim.insides.run(guest, program, args)) ??
        sim.machines.get(guest.vmid)?.run(program, args) ??
        fail(`${program}: not simulated`, 127)
      )
  }
}
