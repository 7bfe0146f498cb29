/**
 * Memory and disk that guests which are being made will take. Proxmox knows nothing of them until they run, and two that
 * are begun at once would both find the same room. Of those by `provision` in this process alone: Proxmox reserves nothing for anybody.
 */

export interface RoomPlace {
  readonly node: string
  readonly storage: string
  /** The storage is the same one on every node. */
  readonly shared: boolean
}

export interface RoomClaim extends RoomPlace {
  /** Bytes. */
  readonly memory: number
  readonly disk: number
}

export interface Room {
  /** Bytes that are claimed on a node and on a storage, but for those of one key. */
  claimed(place: RoomPlace, except?: string): Pick<RoomClaim, 'memory' | 'disk'>
  /** Until it is released; claimed again under the same key it is what was said last. */
  claim(key: string, claim: RoomClaim): void
  release(key: string): void
}

export function createRoom(): Room {
  const claims = new Map<string, RoomClaim>()
  return {
    claimed({ node, storage, shared }, except) {
      let [memory, disk] = [0, 0]
      for (const [key, claim] of claims) {
        if (key === except) continue
        if (claim.node === node) memory += claim.memory
        if (claim.storage === storage && (shared || claim.node === node)) disk += claim.disk
      }
      return { memory, disk }
    },
    claim: (key, claim) => void claims.set(key, claim),
    release: (key) => void claims.delete(key),
  }
}
