/** What a typed line is before the grammar sees it, and what is said when it cannot be handled here. */
import {
  HomelabError,
  helpCard,
  type Operation,
  operationHelpCard,
  type Parsed,
  type Registry,
} from '@homelab/core'
import type { Posted } from './types.ts'

/** What a terminal without a bot does not have. */
const botsOnly: readonly string[] = ['runs', 'grants', 'audit', 'approvals']

/** A command that exists but not here is no typo: say where it works. */
export function refuseElsewhere(text: string, here: readonly Operation[], registry: Registry): void {
  const line = `${text.toLowerCase().replace(/\s+/g, ' ')} `
  const named = (operation: Operation) => line.startsWith(`${operation.chat} `)
  const found = registry.all.find(named)
  if (found === undefined || here.some(named)) return
  const needsBot = (found.needs as readonly string[]).some((need) => botsOnly.includes(need))
  throw new HomelabError('usage', `"${found.chat}" does not work here.`, {
    hint: needsBot
      ? 'It needs a running bot: `npm start`, then the same again.'
      : `It works on ${(found.surfaces ?? []).join(', ')}.`,
  })
}

export const interrupted = (posted: Posted) => ({
  title: posted.command.slice(0, 200),
  tone: 'warning' as const,
  text: 'The bot was restarted meanwhile, so nothing was done.',
  buttons: [{ label: 'Type it again', action: { kind: 'command' as const, text: stripped(posted.command) } }],
})

/** It was being done when the bot died: nothing tells whether it was. */
export const unclearCard = (posted: Posted) => ({
  title: `Unclear: ${posted.card.title}`.slice(0, 200),
  tone: 'warning' as const,
  text: 'The bot was restarted while it did this. It may have been done: look before you ask for it again.',
})

/** People paste `/homelab restart plex`; the command is what follows. */
export const stripped = (text: string): string => text.trim().replace(/^\/?homelab(\s+|$)/i, '')

export function helpFor(parsed: Extract<Parsed, { kind: 'help' }>, operations: readonly Operation[]) {
  return parsed.operation === undefined
    ? helpCard(operations, parsed.group)
    : operationHelpCard(parsed.operation)
}
