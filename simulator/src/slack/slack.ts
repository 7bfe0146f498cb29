/** Everything that one simulated Slack is, handed to its servers. */
import { Random } from '../random.ts'
import { createApp } from './app.ts'
import { noFaults } from './faults.ts'
import { Files } from './files.ts'
import { Journal } from './journal.ts'
import { RateLimits } from './limits.ts'
import { Delivery } from './link/delivery.ts'
import { Events } from './link/events.ts'
import { Requests } from './link/requests.ts'
import { Sockets } from './link/sockets.ts'
import type { Options } from './options.ts'
import { Responses } from './responses.ts'
import { Triggers } from './triggers.ts'
import { Views } from './views.ts'
import { Workspace } from './workspace.ts'

export type Slack = ReturnType<typeof createSlack>

export function createSlack(options: Options) {
  const random = new Random(options.seed)
  const journal = new Journal()
  const faults = noFaults(options.limits)
  const workspace = new Workspace(random, options)
  const app = createApp(random, workspace, options)
  const sockets = new Sockets({ app, faults, journal, workspace, pingMs: options.pingMs })
  const requests = new Requests({ app, faults, journal, workspace, ackMs: options.ackMs })
  const delivery = new Delivery({ faults, journal, sockets, requests, ackMs: options.ackMs })
  return {
    options,
    journal,
    faults,
    workspace,
    app,
    sockets,
    requests,
    delivery,
    events: new Events({ app, faults, journal, workspace, delivery, sockets, speed: options.speed }),
    limits: new RateLimits(),
    triggers: new Triggers(workspace),
    responses: new Responses(workspace),
    views: new Views(workspace, app),
    files: new Files(workspace),
    /** `http://127.0.0.1:PORT`, when it listens. */
    origin: '',
  }
}
