import type { Grant } from '@homelab/core'

export interface GrantStore {
  add(grant: Grant): Promise<void>
  /** It stays in the file, for who looks later. */
  end(id: string, at: string, by: string): Promise<void>
  /** Those in force at this moment, the oldest first. */
  load(now: string): Promise<readonly Grant[]>
}
