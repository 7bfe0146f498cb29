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
  /** As a crash would leave it: no newer sequence may be confirmed to the gateway, or it would not be sent again. */
  readonly saved: Session | undefined
  update(session: Session): void
  forget(): void
  flush(): Promise<void>
}

export function sessionStore(facts: FactStore, of: string, onError: (error: unknown) => void): SessionStore {
  const found = Session.safeParse(facts.get(factName)).data
  let now = found?.of === of ? found : undefined
  let saved = now
  let timer: NodeJS.Timeout | undefined

  let saving: Promise<void> = Promise.resolve()
  const write = async () => {
    const session = now
    await facts.set(factName, session ?? null).catch(onError)
    saved = session
  }
  const save = () => {
    clearTimeout(timer)
    timer = undefined
    saving = saving.then(write)
  }
  return {
    get now() {
      return now
    },
    get saved() {
      return saved
    },
    update(session) {
      // Whose it is comes a moment later: who is resumed without knowing that is deaf to mentions.
      const fresh = session.sessionId !== now?.sessionId || session.user !== now.user
      now = session
      if (fresh) save()
      else timer ??= setTimeout(save, saveEveryMs).unref()
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
