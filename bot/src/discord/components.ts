/** Buttons and select menus of a card. What they do stays with the card; they carry which of its actions they are. */
import type { Button } from '@homelab/core'
import {
  type APIActionRowComponent,
  type APIButtonComponent,
  type APIComponentInMessageActionRow,
  ButtonStyle,
  ComponentType,
} from 'discord.js'
import { buttonId } from '../chat/buttons.ts'
import type { Posted } from '../chat/types.ts'
import { limits } from './limits.ts'
import { oneLine, shorten } from './text.ts'

export type Row = APIActionRowComponent<APIComponentInMessageActionRow>

const styles = { primary: ButtonStyle.Primary, danger: ButtonStyle.Danger } as const

const label = (text: string, max: number): string => shorten(oneLine(text), max) || '…'

/** @returns `left`: how many buttons and choices there was no room for */
export function componentsOf({ id, card }: Posted): { readonly rows: readonly Row[]; readonly left: number } {
  const buttons = card.buttons ?? []
  const options = card.choices?.options ?? []
  const rowsFor = (amount: number, each: number) => Math.ceil(amount / each)
  const roomForMenus = Math.max(1, limits.rows - rowsFor(buttons.length, limits.buttonsInRow))
  const menus = Math.min(rowsFor(options.length, limits.selectOptions), roomForMenus)
  const shownButtons = buttons.slice(0, (limits.rows - menus) * limits.buttonsInRow)
  const shownOptions = options.slice(0, menus * limits.selectOptions)

  const buttonRows = chunks(shownButtons, limits.buttonsInRow).map(
    (chunk, row): Row => ({
      type: ComponentType.ActionRow,
      components: chunk.map((button, column) => buttonOf(id, button, row * limits.buttonsInRow + column)),
    }),
  )
  const menuRows = chunks(shownOptions, limits.selectOptions).map(
    (chunk, menu): Row => ({
      type: ComponentType.ActionRow,
      components: [
        {
          type: ComponentType.StringSelect,
          custom_id: `menu.${menu}.${id}`,
          placeholder: label(card.choices?.prompt ?? '', limits.placeholder),
          options: chunk.map(({ label: text, hint, action }, index) => ({
            label: label(text, limits.optionText),
            value: buttonId(id, buttons.length + menu * limits.selectOptions + index, action),
            ...(hint === undefined || oneLine(hint) === ''
              ? {}
              : { description: label(hint, limits.optionText) }),
          })),
        },
      ],
    }),
  )
  return {
    rows: [...buttonRows, ...menuRows],
    left: buttons.length - shownButtons.length + options.length - shownOptions.length,
  }
}

function buttonOf(id: string, { label: text, style, action }: Button, index: number): APIButtonComponent {
  const base = { type: ComponentType.Button, label: label(text, limits.buttonLabel) } as const
  if (action.kind === 'link') return { ...base, style: ButtonStyle.Link, url: action.url }
  return {
    ...base,
    style: style === undefined ? ButtonStyle.Secondary : styles[style],
    custom_id: buttonId(id, index, action),
  }
}

function chunks<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  )
}
