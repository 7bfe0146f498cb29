/** The session with the gateway, kept across restarts: resumed, it costs no login and brings what was missed. */
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'

const factName = 'discord.session'

const Session = z.object({
  sessionId: z.string(),
  sequence: z.number(),
  resumeURL: z.string(),
  shardId: z.number(),
  shardCount: z.number(),
  /** Our own user. */
  user: z.string(),
  /** Whose it is: another application or another address has nothing of it. */
  of: z.string(),
  /** When something came last, ISO 8601. */
  at: z.string(),
})
export type Session = z.infer<typeof Session>

/** Milliseconds between two savings of how far we have read. */
const saveEveryMs = 2_000

export interface SessionStore {
  /** The newest. */
  readonly now: Session | undefined
  /**
   * The newest, with no more read than a crash would leave: the gateway does not send again what was confirmed to it,
   * and takes nobody back who asks for what it has thrown away since.
   */
  readonly safe: Session | undefined
  update(session: Session): void
  /** What has this sequence is not stored yet: it counts as unread. @returns ends that */
  hold(sequence: number): () => void
  forget(): void
  flush(): Promise<void>
}

export function sessionStore(facts: FactStore, of: string, onError: (error: unknown) => void): SessionStore {
  const found = Session.safeParse(facts.get(factName)).data
  let now = found?.of === of ? found : undefined
  /** Of `now`. */
  let stored = now?.sequence ?? 0
  let timer: NodeJS.Timeout | undefined
  const held = new Set<{ readonly sessionId: string | undefined; readonly sequence: number }>()

  const settled = (session: Session): Session => {
    const open = [...held].filter(({ sessionId }) => sessionId === session.sessionId)
    return {
      ...session,
      sequence: Math.min(session.sequence, ...open.map(({ sequence }) => sequence - 1)),
    }
  }
  let saving: Promise<void> = Promise.resolve()
  const write = async () => {
    const session = now === undefined ? undefined : settled(now)
    try {
      await facts.set(factName, session ?? null)
    } catch (error) {
      return onError(error)
    }
    if (session !== undefined && session.sessionId === now?.sessionId) stored = session.sequence
  }
  const save = () => {
    clearTimeout(timer)
    timer = undefined
    saving = saving.then(write)
  }
  const saveSoon = () => {
    timer ??= setTimeout(save, saveEveryMs).unref()
  }
  return {
    get now() {
      return now
    },
    get safe() {
      return now === undefined ? undefined : { ...now, sequence: stored }
    },
    update(session) {
      const other = session.sessionId !== now?.sessionId
      // Whose it is comes a moment later: who is resumed without knowing that is deaf to mentions.
      const fresh = other || session.user !== now?.user
      if (other) stored = session.sequence
      now = session
      if (fresh) save()
      else saveSoon()
    },
    hold(sequence) {
      const hold = { sessionId: now?.sessionId, sequence }
      held.add(hold)
      return () => {
        if (held.delete(hold)) saveSoon()
      }
    },
    forget() {
      now = undefined
      save()
    },
    async flush() {
      if (timer !== undefined) save()
      await saving
    },
  }
}
