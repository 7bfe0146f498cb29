/** Events: what the app subscribed to and may see, sent again when it was not acknowledged. */

import { take } from '../../process/faults.ts'
import type { App } from '../app.ts'
import type { Faults } from '../faults.ts'
import type { Journal } from '../journal.ts'
import type { Json } from '../json.ts'
import type { Workspace } from '../workspace.ts'
import type { Delivery } from './delivery.ts'
import type { Sockets } from './sockets.ts'

/** Milliseconds before each further attempt. */
const RETRY_MS = [0, 60_000, 300_000] as const

/** Subscription → the scope without which nothing is sent. */
const SCOPES: Readonly<Record<string, string>> = {
  app_mention: 'app_mentions:read',
  'message.im': 'im:history',
  'message.channels': 'channels:history',
  'message.groups': 'groups:history',
  member_joined_channel: 'channels:read',
  member_left_channel: 'channels:read',
  channel_archive: 'channels:read',
  subteam_members_changed: 'usergroups:read',
}

interface Parts {
  readonly app: App
  readonly faults: Faults
  readonly journal: Journal
  readonly workspace: Workspace
  readonly delivery: Delivery
  readonly sockets: Sockets
  readonly speed: number
}

interface Waiting {
  readonly timer: NodeJS.Timeout
  readonly again: () => void
}

export class Events {
  readonly #parts: Parts
  readonly #waiting = new Set<Waiting>()

  constructor(parts: Parts) {
    this.#parts = parts
    // What could not be delivered comes at once when the app is back.
    parts.sockets.onConnect = () => {
      for (const waiting of [...this.#waiting]) {
        clearTimeout(waiting.timer)
        this.#waiting.delete(waiting)
        waiting.again()
      }
    }
  }

  /** `subscription` as in the manifest, `message.im` for one. Resolves with the event's id when it was sent at all. */
  emit(subscription: string, event: Json): string | undefined {
    const { app, workspace, journal } = this.#parts
    const scope = SCOPES[subscription]
    if (!app.subscriptions.includes(subscription)) return undefined
    if (scope !== undefined && !app.scopes.includes(scope)) return undefined
    const id = workspace.newId('Ev')
    journal.counts.events.emitted += 1
    const body: Json = {
      token: app.verification,
      team_id: workspace.team,
      context_team_id: workspace.team,
      api_app_id: app.id,
      event,
      type: 'event_callback',
      event_id: id,
      event_time: Math.floor(workspace.now() / 1000),
      authorizations: [
        {
          enterprise_id: null,
          team_id: workspace.team,
          user_id: workspace.bot.id,
          is_bot: true,
          is_enterprise_install: false,
        },
      ],
      is_ext_shared_channel: false,
      event_context: `4-${id}`,
    }
    void this.#attempt(body, 0, '')
    return id
  }

  async #attempt(body: Json, attempt: number, reason: string): Promise<void> {
    const { delivery, journal, faults } = this.#parts
    if (attempt > 0) journal.counts.events.retried += 1
    const outcome = await delivery.send(
      'events_api',
      body,
      attempt > 0 ? { num: attempt, reason } : undefined,
    )
    if (take(faults, 'duplicateEvents')) {
      journal.counts.events.retried += 1
      void delivery.send('events_api', body, { num: 1, reason: 'timeout' })
    }
    if (outcome.acked || outcome.noRetry) return
    const wait = RETRY_MS[attempt]
    if (wait === undefined) {
      journal.counts.events.lost += 1
      journal.add({ kind: 'lost', event: String(body.event_id), type: 'events_api' })
      return
    }
    const why =
      outcome.error === 'operation_timeout' ? (outcome.http ? 'http_timeout' : 'timeout') : 'http_error'
    const again = (): void => void this.#attempt(body, attempt + 1, why)
    const waiting: Waiting = {
      again,
      timer: setTimeout(() => {
        this.#waiting.delete(waiting)
        again()
      }, wait * this.#parts.speed),
    }
    waiting.timer.unref()
    this.#waiting.add(waiting)
  }

  /** Forgets what waits to be sent again. */
  clear(): void {
    for (const { timer } of this.#waiting) clearTimeout(timer)
    this.#waiting.clear()
  }
}
