/** What reading back costs, for people. */
import type { DrillCost } from '../../backup/drill.ts'
import { bytes } from '../../operation/view.ts'

export const costText = ({ bytes: size, dollars }: DrillCost): string =>
  dollars === undefined ? bytes(size) : `${bytes(size)} ($${dollars.toFixed(2)})`
