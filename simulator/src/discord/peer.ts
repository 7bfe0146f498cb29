/** One Discord with one server and one bot: everything that routes, gateway and control port share. */

import { Random } from '../random.ts'
import { MovableClock } from './clock.ts'
import { Commands } from './commands.ts'
import type { Faults } from './faults.ts'
import { noFaults } from './faults.ts'
import { Attachments } from './files.ts'
import { Gateway } from './gateway/gateway.ts'
import { Interactions } from './interactions.ts'
import { Journal } from './journal.ts'
import { Limits } from './limits.ts'
import { Messages } from './messages.ts'
import type { Options } from './options.ts'
import { World } from './world.ts'

export interface Peer {
  readonly options: Options
  readonly clock: MovableClock
  readonly faults: Faults
  readonly journal: Journal
  readonly world: World
  readonly gateway: Gateway
  readonly attachments: Attachments
  readonly messages: Messages
  readonly commands: Commands
  readonly interactions: Interactions
  readonly limits: Limits
  readonly token: string
}

export function createPeer(options: Options): Peer {
  const clock = new MovableClock(options.speed)
  const faults = noFaults()
  const journal = new Journal()
  const world = new World(options.channels)
  const id = Buffer.from(world.bot.id).toString('base64url')
  const token = `${id}.Gpeer0.${new Random(options.seed).bytes('discord').toString('base64url').slice(0, 38)}`
  const gateway = new Gateway({ world, clock, faults, journal, token })
  const attachments = new Attachments()
  return {
    options,
    clock,
    faults,
    journal,
    world,
    gateway,
    attachments,
    messages: new Messages({ world, journal, gateway, attachments, keep: options.keep }),
    commands: new Commands(world.application, faults, journal),
    interactions: new Interactions(clock, journal),
    limits: new Limits(clock, faults),
    token,
  }
}
