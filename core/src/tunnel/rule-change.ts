/** Changing the tunnel's rules in a run: made once, with how to go back, and with the restart that makes it count. */
import type { IngressRule } from '../cloudflare/types.ts'
import type { Verbs } from '../operation/types.ts'
import type { Edit, Ingress } from './ingress.ts'

export interface RuleChange {
  readonly hostname: string
  /** For people, while it is done. */
  readonly text: string
  readonly edit: Edit
  /** Whether it was done: by what every place has, or by what any has. */
  readonly isDone: (rules: readonly IngressRule[]) => boolean
  readonly look: 'everywhere' | 'anywhere'
  /** Of the rules that it is made from, kept with what came of it. */
  readonly note?: (rules: readonly IngressRule[]) => readonly string[]
  /** What takes it back, which looks first; undefined: nothing has to be. Left out: it is not taken back. */
  readonly back?: () => Promise<Edit | undefined>
}

type Changed = {
  /** Sentences about what another writer may have lost. */
  readonly alarms: readonly string[]
  readonly notes: readonly string[]
}

export async function changeRules(
  ingress: Ingress,
  verbs: Verbs,
  { hostname, text, edit, isDone, look, note = () => [], back }: RuleChange,
): Promise<Changed> {
  const log = (line: string) => verbs.log(line)
  let restarted = false
  if (back !== undefined)
    verbs.undo(`the tunnel's rule for ${hostname}`, async () => {
      const reverse = await back()
      if (reverse === undefined) return
      // What another writer may have lost by it is for the log, which is all that is left to tell.
      for (const alarm of await ingress.takeBack(reverse, log, restarted)) log(alarm)
    })
  verbs.report({ text })
  const changed = await verbs.change<Changed>('rule', {
    act: async () => {
      let notes: readonly string[] = []
      const noting: Edit = (rules) => {
        notes = note(rules)
        return edit(rules)
      }
      return { alarms: await ingress.edit(noting, log, verbs.signal), notes }
    },
    find: async () => {
      const rules = await (look === 'everywhere' ? ingress.everywhere() : ingress.read())
      return isDone(rules) ? { alarms: ingress.alarms(), notes: note(rules) } : undefined
    },
  })
  for (const alarm of changed.alarms) log(alarm)
  if (ingress.kept === 'file') {
    restarted = true
    await verbs.step('restart', () => ingress.apply(verbs.signal).then(() => null))
  }
  return changed
}
