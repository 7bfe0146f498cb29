import { App, type ReceiverEvent } from '@slack/bolt'

/**
 * Bolt says yes to an event before it calls anybody: one that comes while the process dies is lost then. Here the yes waits for
 * the listener, which waits for no more than its card to be stored.
 */
export class PatientApp extends App {
  /** Called with all that comes, before anybody else. */
  onHeard: (event: ReceiverEvent) => void = () => undefined

  override async processEvent(event: ReceiverEvent): Promise<void> {
    this.onHeard(event)
    if (event.body.type !== 'event_callback') return await super.processEvent(event)
    await super.processEvent({ ...event, ack: () => Promise.resolve() })
    // Over a connection that is gone it comes again, and is known then.
    await event.ack().catch(() => undefined)
  }
}

/** Bolt wants a receiver when it is made; ours come and go with the connection. */
export const noReceiver = {
  init: () => undefined,
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
}

/** The `ts` of an event that came as soon as it happened; undefined for one that is sent again. */
export function liveTs({ body, retryNum = 0 }: ReceiverEvent): string | undefined {
  const { event_ts: ts } = (body.event ?? {}) as { readonly event_ts?: unknown }
  return Number(retryNum) === 0 && typeof ts === 'string' ? ts : undefined
}
