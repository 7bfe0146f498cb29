/** What one would type next after an error, as buttons: nobody retypes a command on a phone at night. */
import { type ButtonAction, type Card, type ErrorData, guestPlace, quoteWord } from '@homelab/core'

interface Candidate {
  readonly vmid: number
  readonly type: 'lxc' | 'qemu'
  readonly node: string
  readonly name: string
}

const isCandidate = (value: unknown): value is Candidate =>
  typeof value === 'object' && value !== null && 'vmid' in value && 'name' in value && 'node' in value

/** The word in the command that was meant, replaced; undefined when it does not stand there as a word. */
function withWord(command: string, word: string, replacement: string): ButtonAction | undefined {
  const words = command.split(/(\s+)/)
  const at = words.findIndex((each) => each.toLowerCase() === word.toLowerCase())
  if (at < 0) return undefined
  return { kind: 'command', text: words.with(at, quoteWord(replacement)).join('') }
}

export function remedies(command: string, error: ErrorData): Pick<Card, 'buttons' | 'choices'> {
  const { name, nearest, candidates, operation } = error.data ?? {}
  if (error.code === 'ambiguous' && Array.isArray(candidates)) {
    const options = candidates.filter(isCandidate).flatMap((guest) => {
      const action = withWord(command, guest.name, String(guest.vmid))
      return action === undefined ? [] : [{ label: `${guest.name} (${guestPlace(guest)})`, action }]
    })
    return options.length === 0 ? {} : { choices: { prompt: 'Which one?', options } }
  }
  if (error.code === 'usage' && typeof operation === 'string')
    return {
      buttons: [{ label: 'Fill in the form', style: 'primary', action: { kind: 'form', text: command } }],
    }
  if (typeof name !== 'string' || !Array.isArray(nearest)) return {}
  const buttons = nearest.slice(0, 3).flatMap((near: unknown) => {
    const action = withWord(command, name, String(near))
    return action?.kind === 'command' ? [{ label: action.text.slice(0, 60), action }] : []
  })
  return buttons.length === 0 ? {} : { buttons }
}
