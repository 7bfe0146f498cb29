import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import { usage } from '../../operation/grammar.ts'
import type { Operation } from '../../operation/types.ts'
import { helpCard } from '../../operation/view.ts'

const Entry = z.object({
  command: z.string(),
  title: z.string(),
  description: z.string(),
  usage: z.string(),
  examples: z.array(z.string()),
})

export const help = defineOperation({
  id: 'desk.help',
  chat: 'help',
  title: 'Say what can be done',
  description: 'The commands that you may use here; with a name, what one of them does.',
  risk: 'read',
  permission: 'everyone',
  private: true,
  input: z.object({
    command: z.array(z.string()).default([]).describe('A command').meta({ suggest: 'commands' }),
  }),
  output: z.object({ commands: z.array(Entry) }),
  positional: ['command'],
  examples: ['help', 'help restart'],
  needs: ['commands', 'caller'],
  run: async ({ command }, { commands, caller }) => {
    const offered = commands.registry.all.filter((operation) => commands.offered(operation.id, caller))
    const path = command.join(' ').toLowerCase()
    const chosen = offered.filter(
      (operation) => path === '' || operation.chat === path || operation.chat.startsWith(`${path} `),
    )
    if (chosen.length === 0) {
      throw new HomelabError(
        'not-found',
        `No command "${path.slice(0, 60)}".${didYouMean(
          path,
          offered.map((o) => o.chat),
        )}`,
        {
          hint: '`help` lists all.',
        },
      )
    }
    return { commands: chosen.map(entry) }
  },
  card: ({ commands }) => {
    const [only] = commands
    if (only === undefined || commands.length > 1)
      return helpCard(commands.map(({ command, title }) => ({ chat: command, title })))
    return {
      title: only.command,
      tone: 'neutral',
      text: `${only.title}. ${only.description}`,
      sections: [
        { kind: 'code', title: 'Usage', text: only.usage, keep: 'start' },
        ...(only.examples.length === 0
          ? []
          : [{ kind: 'list' as const, title: 'Examples', items: only.examples }]),
      ],
    }
  },
})

const entry = (operation: Operation): z.infer<typeof Entry> => ({
  command: operation.chat,
  title: operation.title,
  description: operation.description,
  usage: usage(operation),
  examples: [...(operation.examples ?? [])],
})
