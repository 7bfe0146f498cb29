/** What an operation draws, as a file of the item: its SVG, or the PNG that a bot makes of it. */
import { type Card, HomelabError } from '@homelab/core'
import { inTheme } from '@homelab/core/monitoring'
import type { IDataObject, IExecuteFunctions } from 'n8n-workflow'
import { WithFile } from './execute.ts'
import { pictureFields } from './picture-fields.ts'

type Theme = 'light' | 'dark'

export interface PictureOf {
  readonly card: Card
  /** Absent where there is nobody who draws. */
  readonly png?: (theme: Theme) => Promise<string>
}

/** @throws HomelabError `usage` for a PNG where there is no bot */
export async function withPicture(
  context: IExecuteFunctions,
  item: number,
  json: IDataObject,
  { card, png }: PictureOf,
): Promise<IDataObject | WithFile> {
  const format = context.getNodeParameter(pictureFields.format, item, 'svg')
  const { picture } = card
  if (format === 'none' || picture === undefined) return json
  const theme: Theme =
    context.getNodeParameter(pictureFields.theme, item, 'light') === 'dark' ? 'dark' : 'light'
  const field = String(context.getNodeParameter(pictureFields.file, item, 'data')).trim() || 'data'
  const name = card.title.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '')
  if (format === 'svg') {
    const svg = Buffer.from(inTheme(picture.svg, theme))
    const file = await context.helpers.prepareBinaryData(svg, `${name}.svg`, 'image/svg+xml')
    return new WithFile(json, { [field]: file })
  }
  if (png === undefined) {
    throw new HomelabError('usage', 'A PNG is drawn by a running bot, which a file alone is not', {
      hint: 'Choose SVG under Picture, or "Homelab Bot" under Authentication.',
    })
  }
  const drawn = Buffer.from(await png(theme), 'base64')
  const file = await context.helpers.prepareBinaryData(drawn, `${name}.png`, 'image/png')
  return new WithFile(json, { [field]: file })
}
