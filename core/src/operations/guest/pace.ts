/** Milliseconds until the next look at what goes on without us: often at first, since most of it ends soon. */
export const nextLook = (waitedMs: number): number =>
  waitedMs < 10_000 ? 300 : waitedMs < 60_000 ? 1000 : 3000
