/** What a bench says: one figure a row, with its target and the alternative that was measured beside it. */
export interface Row {
  readonly what: string
  readonly value: number
  readonly unit: 'alerts' | 'blobs' | 'calls' | 'ms' | 'MB' | 'bytes' | 'rules' | 'writes'
  /** The row fails when the figure is above `value`, or above `ratio` times the alternative. */
  readonly atMost?: { readonly value?: number; readonly ratio?: number }
  readonly alternative?: { readonly name: string; readonly value: number }
  /** What stands for the ratio when the alternative could not be measured, and other things a reader must know. */
  readonly note?: string
}

export interface Bench {
  readonly name: string
  readonly title: string
  run(): Promise<readonly Row[]>
}

/** Ours ÷ the alternative's: below 1 is better. */
export const ratioOf = ({ value, alternative }: Row): number | undefined =>
  alternative === undefined ? undefined : value / alternative.value

export function missed(row: Row): boolean {
  const { value, ratio } = row.atMost ?? {}
  const measured = ratioOf(row)
  return (
    !Number.isFinite(row.value) ||
    (value !== undefined && row.value > value) ||
    (ratio !== undefined && measured !== undefined && measured > ratio)
  )
}
