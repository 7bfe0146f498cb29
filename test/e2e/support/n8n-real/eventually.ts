import { setTimeout as delay } from 'node:timers/promises'

/** Until it no longer throws. @throws what it threw last when that takes longer than `timeoutMs` */
export async function eventually<T>(look: () => Promise<T>, timeoutMs = 60_000): Promise<T> {
  for (const until = Date.now() + timeoutMs; ; await delay(250)) {
    try {
      return await look()
    } catch (error) {
      if (Date.now() >= until) throw error
    }
  }
}
