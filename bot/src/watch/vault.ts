/** What Vault will soon not give any more, told while there is time to do something. */
import type { Clock } from '@homelab/core'
import type { Secrets } from '@homelab/core/node'
import type { Notify } from '../chat/notices.ts'

export interface VaultWatchOptions {
  readonly secrets: Pick<Secrets, 'onWarning'>
  readonly notify: Notify
  readonly clock: Pick<Clock, 'now'>
  readonly log: { warn(facts: Readonly<Record<string, unknown>>, text: string): void }
}

/** Returns the way to stop. */
export const watchVault = ({ secrets, notify, clock, log }: VaultWatchOptions): (() => void) =>
  secrets.onWarning(({ place, why }) => {
    log.warn({ place, why }, 'secrets of Vault are in danger')
    notify(
      `vault-${clock.now().getTime()}`,
      { title: 'Secrets of Vault', tone: 'warning', text: why, footer: place },
      'done',
    )
  })
