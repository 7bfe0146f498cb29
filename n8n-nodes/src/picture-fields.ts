/** How somebody chooses the file that an item gets of a picture. */
import type { INodeProperties } from 'n8n-workflow'

export const pictureFields = { format: 'picture', theme: 'theme', file: 'binaryPropertyName' } as const

/** For an operation whose card has a picture. */
export const pictureProperties: readonly INodeProperties[] = [
  {
    displayName: 'Picture',
    name: pictureFields.format,
    type: 'options',
    options: [
      { name: 'None', value: 'none', description: 'The numbers alone' },
      { name: 'PNG', value: 'png', description: 'For chats and mails. Drawn by the bot: not with a file.' },
      { name: 'SVG', value: 'svg', description: 'For browsers, made in this node' },
    ],
    default: 'svg',
    description: 'What the item gets as a file',
  },
  {
    displayName: 'Theme',
    name: pictureFields.theme,
    type: 'options',
    options: [
      { name: 'Dark', value: 'dark' },
      { name: 'Light', value: 'light' },
    ],
    default: 'light',
    displayOptions: { show: { [pictureFields.format]: ['png', 'svg'] } },
  },
  {
    displayName: 'Put Output File in Field',
    name: pictureFields.file,
    type: 'string',
    default: 'data',
    required: true,
    hint: 'The name of the output binary field to put the file in',
    displayOptions: { show: { [pictureFields.format]: ['png', 'svg'] } },
  },
]
