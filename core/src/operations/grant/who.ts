/** People as one types them: `discord:123`, `slack:U1`, or a name of `people` in homelab.yaml. */
import { HomelabError } from '../../errors.ts'
import type { Inventory } from '../../inventory/schema.ts'
import { didYouMean } from '../../nearest.ts'
import type { Caller } from '../../operation/services.ts'

export interface Recipient {
  /** As in a Grant: an id, or `person:kid`. */
  readonly to: string
  readonly name: string
  /** When the file knows them. */
  readonly person?: Inventory['people'][number]
}

/** @throws HomelabError `not-found` naming the nearest, `usage` for what is no id */
export function recipient(typed: string, { people }: Pick<Inventory, 'people'>): Recipient {
  const text = typed.trim().replace(/^@/, '')
  const [, platform, written = ''] = /^(discord|slack):(.*)$/i.exec(text) ?? []
  if (platform !== undefined) {
    const on = platform.toLowerCase() === 'slack' ? 'slack' : 'discord'
    const id = written.toUpperCase()
    if (!(on === 'slack' ? /^[UW][A-Z0-9]{6,20}$/ : /^\d{17,20}$/).test(id)) {
      throw new HomelabError(
        'usage',
        `"${short(typed)}" is no id of ${on === 'slack' ? 'Slack' : 'Discord'}.`,
        {
          hint: `Mention them, or write ${on === 'slack' ? 'slack:U024BE7LH' : 'discord:80351110224678912'}; \`whoami\` shows one's own.`,
        },
      )
    }
    const person = people.find((each) => each[on]?.includes(id))
    const to = `${on}:${id}`
    return { to, name: person?.name ?? to, ...(person === undefined ? {} : { person }) }
  }
  const name = text.replace(/^person:/, '').toLowerCase()
  const person = people.find((each) => each.name.toLowerCase() === name)
  if (person !== undefined) return { to: `person:${person.name}`, name: person.name, person }
  const near = didYouMean(
    name,
    people.map((each) => each.name),
  )
  throw new HomelabError('not-found', `homelab.yaml has nobody called "${short(text)}".${near}`, {
    hint: "Mention them, or write their id such as discord:80351110224678912; `whoami` shows one's own.",
  })
}

/** The caller that this is in a direct message. */
export const asCaller = ({ to, name, person }: Recipient): Caller => ({
  id: to,
  name,
  role: person?.role ?? 'nobody',
  surface: 'chat',
  ...(person === undefined ? {} : { person: person.name }),
})

const short = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text)
