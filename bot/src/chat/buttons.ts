/** What a button carries through a platform: which card, which of its actions, and that it is still the same one. */
import { createHash } from 'node:crypto'
import type { ButtonAction, Card } from '@homelab/core'

/** Discord's custom_id may have 100 characters; a card's id made from a platform's own must leave room for the rest. */
export const maxCardId = 80

const proofOf = (action: ButtonAction): string =>
  createHash('sha256').update(JSON.stringify(action)).digest('base64url').slice(0, 8)

export const actionsOf = (card: Card): readonly ButtonAction[] => [
  ...(card.buttons ?? []).map(({ action }) => action),
  ...(card.choices?.options ?? []).map(({ action }) => action),
]

/** At most 100 characters. `index` counts the buttons and then the choices of the card. */
export const buttonId = (cardId: string, index: number, action: ButtonAction): string =>
  `${index}.${proofOf(action)}.${cardId}`

/** Undefined for what no button of ours carries. */
export function readButtonId(
  text: string,
): { readonly cardId: string; readonly index: number; readonly proof: string } | undefined {
  const [, index, proof, cardId] = /^(\d{1,3})\.([\w-]{8})\.(.+)$/s.exec(text) ?? []
  if (index === undefined || proof === undefined || cardId === undefined) return undefined
  return { cardId, index: Number(index), proof }
}

/** A button of a card, for telling a second press from another one. */
export const pressOf = (cardId: string, action: ButtonAction): string => `${proofOf(action)}.${cardId}`

/** The card's action under this button; undefined when the card has changed since the button was shown. */
export function actionOf(
  card: Card,
  { index, proof }: { readonly index: number; readonly proof: string },
): ButtonAction | undefined {
  const action = actionsOf(card)[index]
  return action !== undefined && proofOf(action) === proof ? action : undefined
}
