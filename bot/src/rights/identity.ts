/** Who asks, by the ids of homelab.yaml: what a platform calls people decides nothing. */
import type { Caller } from '@homelab/core'
import { roles } from '@homelab/core'
import type { Inventory, Person } from '@homelab/core/inventory'
import type { Asker, Platform } from '../chat/connector.ts'

export interface Identity {
  /** Against the file as it is now. */
  callerOf(asker: Asker): Caller
  /** What people call `discord:123`: as they were last seen, else as the file has it, else the id itself. */
  nameOf(id: string): string
}

/** Names that are remembered; the ones longest unseen are forgotten first. */
const MAX_NAMES = 10_000
const MAX_LENGTH = 60

export function createIdentity({ inventory }: { readonly inventory: () => Inventory }): Identity {
  const names = new Map<string, string>()
  const remember = (id: string, name: string) => {
    names.delete(id)
    names.set(id, name)
    const [oldest] = names.keys()
    if (names.size > MAX_NAMES && oldest !== undefined) names.delete(oldest)
  }
  return {
    callerOf({ platform, user, name, groups, channel }) {
      const { people } = inventory()
      const id = `${platform}:${user}`
      const person =
        people.find((each) => each[platform]?.includes(user)) ?? byGroup(people, platform, groups)
      const shown = harmless(name) || person?.name || id
      remember(id, shown)
      return {
        id,
        name: shown,
        role: person?.role ?? 'nobody',
        surface: 'chat',
        ...(person === undefined ? {} : { person: person.name }),
        ...(channel === undefined ? {} : { channel: `${platform}:${channel}` }),
      }
    },
    nameOf(id) {
      const [platform = '', user = ''] = id.split(':')
      const listed =
        platform === 'discord' || platform === 'slack'
          ? inventory().people.find((each) => each[platform]?.includes(user))
          : undefined
      return names.get(id) ?? listed?.name ?? id
    },
  }
}

/** With several, the one that may do most. */
function byGroup(
  people: readonly Person[],
  platform: Platform,
  groups: readonly string[],
): Person | undefined {
  const key = platform === 'discord' ? 'discord_role' : 'slack_group'
  const having = people.filter((each) => each[key]?.some((group) => groups.includes(group)))
  return having.toSorted((a, b) => roles.indexOf(b.role) - roles.indexOf(a.role))[0]
}

/** One line of at most 60 characters, without what turns the direction of text or hides in it. */
export function harmless(name: string): string {
  const plain = name
    // Control, format (bidi marks, joiners, tags), surrogates, private use, and the line and paragraph separators.
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[\p{Cf}\p{Cs}\p{Co}]/gu, '')
    .replace(/\s+/g, ' ')
    .trim()
  const letters = [...new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(plain.slice(0, 1000))]
  return cut(letters.map(({ segment }) => segment)).trim()
}

/** Whole letters, however many code points each of them has. */
function cut(letters: readonly string[]): string {
  let text = ''
  for (const letter of letters) {
    if (text.length + letter.length > MAX_LENGTH) return text
    text += letter
  }
  return text
}
