/** Discord's rules, from its documentation and not from the adapter's own constants. */
import { gunzipSync } from 'node:zlib'
import { actionOf, readButtonId } from '../../../bot/src/chat/buttons.ts'
import type { Posted } from '../../../bot/src/chat/types.ts'
import { type DiscordMessage, renderDiscord } from '../../../bot/src/discord/render.ts'
import { markdownText, mentionsIn } from './discord-markdown.ts'
import { type Checks, checks, type Driver, type Shown } from './driver.ts'

const MiB = 1024 * 1024

type Button = Shown['buttons'][number]

interface Option {
  readonly label: string
  readonly value: string
  readonly description?: string
}

/** As they come in JSON: the adapter's types are its own claim. */
interface Component {
  readonly type: number
  readonly label?: string
  readonly custom_id?: string
  readonly style?: number
  readonly placeholder?: string
  readonly options?: readonly Option[]
  readonly components?: readonly Component[]
}

interface Embed {
  readonly title?: string
  readonly description?: string
  readonly fields?: readonly { readonly name: string; readonly value: string }[]
  readonly footer?: { readonly text: string }
  readonly author?: { readonly name: string }
}

export const discordDriver: Driver = {
  name: 'discord',
  render(posted, now) {
    const message = renderDiscord(posted, { now })
    const wire = JSON.parse(JSON.stringify({ ...message, files: [] })) as {
      content?: string
      embeds?: Embed[]
      components?: Component[]
    }
    const check = checks()
    const { content = '', embeds = [], components = [] } = wire
    check.most('content', content.length, 2_000)
    check.most('embeds', embeds.length, 10)
    const embedded = embeds.flatMap((embed) => embedTexts(embed, check))
    check.most(
      'characters of all embeds',
      embedded.reduce((sum, { raw }) => sum + raw.length, 0),
      6_000,
    )
    const buttons = buttonsOf(components, posted, check)
    const files = filesOf(message, check)
    check.rule(
      'a message has something in it',
      content !== '' || embeds.length + components.length + files.length > 0,
    )
    const placeholders = components.flatMap((row) =>
      (row.components ?? []).map(({ placeholder = '' }) => placeholder),
    )
    return {
      violations: check.violations,
      text: [markdownText(content), ...embedded.map(({ shown }) => shown), ...placeholders].join('\n'),
      buttons,
      files,
      pings: pingsOf(message, content),
      pieces: [
        content,
        ...embedded.map(({ raw }) => raw),
        ...placeholders,
        ...buttons.flatMap(({ label, hint = '' }) => [label, hint]),
      ],
    }
  },
}

function embedTexts(embed: Embed, check: Checks) {
  const { title, description, fields = [], footer, author } = embed
  if (title !== undefined) check.text('embed title', title, 256)
  if (description !== undefined) check.text('embed description', description, 4_096)
  if (footer !== undefined) check.text('embed footer', footer.text, 2_048)
  if (author !== undefined) check.text('embed author', author.name, 256)
  check.most('embed fields', fields.length, 25)
  for (const { name, value } of fields) {
    check.text('field name', name, 256)
    check.text('field value', value, 1_024)
  }
  const marked = [title ?? '', description ?? '', ...fields.flatMap(({ name, value }) => [name, value])]
  return [
    ...marked.map((raw) => ({ raw, shown: markdownText(raw) })),
    // Here no markup is read.
    ...[footer?.text ?? '', author?.name ?? ''].map((raw) => ({ raw, shown: raw })),
  ]
}

function buttonsOf(rows: readonly Component[], posted: Posted, check: Checks): readonly Button[] {
  const all = rows.flatMap(({ components = [] }) => components)
  check.most('rows', rows.length, 5)
  check.most('components', rows.length + all.length, 40)
  check.unique(
    'custom_id',
    all.map(({ custom_id }) => custom_id),
  )
  const pressed = (id: string) => {
    const read = readButtonId(id)
    return read === undefined || read.cardId !== posted.id ? undefined : actionOf(posted.card, read)
  }
  return rows.flatMap(({ type, components = [] }) => {
    check.rule('rows are action rows', type === 1 && components.length > 0)
    const menus = components.filter((component) => component.type === 3)
    check.rule('a menu has its row to itself', menus.length === 0 || components.length === 1)
    check.most('components in a row', components.length, 5)
    return components.flatMap((component): Button[] => {
      check.text('custom_id', component.custom_id, 100)
      if (component.type === 2) {
        check.text('button label', component.label, 80)
        check.rule('button style', [1, 2, 3, 4].includes(component.style ?? 0))
        return [withAction(component.label ?? '', undefined, pressed(component.custom_id ?? ''))]
      }
      const { options = [], placeholder } = component
      if (placeholder !== undefined) check.text('placeholder', placeholder, 150)
      check.rule('a menu has options', options.length > 0)
      check.most('options', options.length, 25)
      check.unique(
        'option value',
        options.map(({ value }) => value),
      )
      return options.map(({ label, value, description }) => {
        check.text('option label', label, 100)
        check.text('option value', value, 100)
        if (description !== undefined) check.text('option description', description, 100)
        return withAction(label, description, pressed(value))
      })
    })
  })
}

const withAction = (label: string, hint: string | undefined, action: Button['action']): Button => ({
  label,
  ...(hint === undefined ? {} : { hint }),
  ...(action === undefined ? {} : { action }),
})

function filesOf({ files }: DiscordMessage, check: Checks): Shown['files'] {
  check.most('files', files.length, 10)
  check.unique(
    'file name',
    files.map(({ name }) => name),
  )
  let all = 0
  const read = files.map(({ name, data }) => {
    const size = Buffer.byteLength(data)
    all += size
    check.most(`size of ${name}`, size, 10 * MiB)
    check.text('file name', name, 255)
    const text = name.endsWith('.gz') ? gunzipSync(data as Buffer).toString('utf8') : data.toString()
    return { name, text }
  })
  check.most('size of all files', all, 25 * MiB)
  return read
}

function pingsOf({ allowed_mentions: allowed }: Partial<DiscordMessage>, content: string): readonly string[] {
  const named = mentionsIn(content)
  if (allowed === undefined) return named
  const {
    parse = [],
    users = [],
    roles = [],
  } = allowed as {
    parse?: readonly string[]
    users?: readonly string[]
    roles?: readonly string[]
  }
  return named.filter((mention) => {
    const id = mention.replace(/\D/g, '')
    if (mention.startsWith('@')) return parse.includes('everyone')
    return mention.startsWith('<@&')
      ? parse.includes('roles') || roles.includes(id)
      : parse.includes('users') || users.includes(id)
  })
}
