/** Where the message of each card is, and small facts: what adapters must find again after a restart. */
import type { Json } from '@homelab/core'
import type { Kysely } from 'kysely'
import type { FactStore, MessageStore, Platform } from '../chat/connector.ts'
import type { Tables } from './schema.ts'

/** As many as there are cards in the store. */
const keptMessages = 5_000
const pruneEvery = 100

const messageOf = (ref: Json): string | undefined => {
  const { message } = (typeof ref === 'object' && ref !== null ? ref : {}) as { message?: unknown }
  return typeof message === 'string' ? message : undefined
}

export async function messagesOn(db: Kysely<Tables>): Promise<MessageStore> {
  const refs = new Map<string, Json>()
  const cards = new Map<string, string>()
  let saved = 0
  const remember = (card: string, platform: string, ref: Json) => {
    refs.delete(card)
    refs.set(card, ref)
    const message = messageOf(ref)
    if (message !== undefined) cards.set(`${platform}/${message}`, card)
  }
  const forget = () => {
    for (const card of [...refs.keys()].slice(0, Math.max(0, refs.size - keptMessages))) refs.delete(card)
    for (const [message, card] of cards) if (!refs.has(card)) cards.delete(message)
  }
  for (const row of await db.selectFrom('messages').selectAll().orderBy('seq').execute())
    remember(row.card, row.platform, JSON.parse(row.ref) as Json)
  return {
    get: (card) => refs.get(card),
    cardOf: (platform: Platform, message: string) => cards.get(`${platform}/${message}`),
    async save(card, platform, ref) {
      remember(card, platform, ref)
      // Replaced, not updated: the order is then that of use, and one that still changes is not pruned.
      await db
        .replaceInto('messages')
        .values({ card, platform, ref: JSON.stringify(ref) })
        .execute()
      saved += 1
      if (saved % pruneEvery !== 0) return
      forget()
      const newest = db.selectFrom('messages').select('seq').orderBy('seq', 'desc').limit(keptMessages)
      await db.deleteFrom('messages').where('seq', 'not in', newest).execute()
    },
  }
}

export async function factsOn(db: Kysely<Tables>): Promise<FactStore> {
  const facts = new Map<string, Json>()
  for (const { name, value } of await db.selectFrom('facts').selectAll().execute())
    facts.set(name, JSON.parse(value) as Json)
  return {
    get: (name) => facts.get(name),
    async set(name, value) {
      facts.set(name, value)
      const text = JSON.stringify(value)
      await db
        .insertInto('facts')
        .values({ name, value: text })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: text }))
        .execute()
    },
  }
}
