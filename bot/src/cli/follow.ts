/** Shows one command from acknowledgement to result on a terminal. */
import { createInterface } from 'node:readline/promises'
import type { Button } from '@homelab/core'
import type { Posted } from '../chat/types.ts'
import { exitCode } from './exit.ts'
import { renderCard, renderProgress } from './render.ts'
import { type Save, saveFiles } from './save.ts'

export interface Terminal {
  readonly json: boolean
  /** Where the files of the answer are written, instead of shown. */
  readonly save?: Save
  readonly out: NodeJS.WriteStream
  readonly err: NodeJS.WriteStream
  readonly input: NodeJS.ReadStream
}

export interface Connection {
  /** Every state of the card, the last one with state `done`. */
  follow(id: string): AsyncIterable<Posted>
  press(id: string, action: Button['action']): Promise<unknown>
}

/** @returns the exit code */
export async function follow(first: Posted, connection: Connection, terminal: Terminal): Promise<number> {
  const live = terminal.err.isTTY && !terminal.json
  const width = terminal.err.columns ?? 80
  let shown = false
  let answered: string | undefined
  const clear = () => {
    if (shown) terminal.err.write('\r\x1b[K')
    shown = false
  }
  for await (const posted of connection.follow(first.id)) {
    if (posted.state === 'done') {
      clear()
      return await show(posted, terminal)
    }
    const question = posted.state === 'asking' ? questionOf(posted) : undefined
    if (question !== undefined && question !== answered) {
      answered = question
      clear()
      if (!(await answer(posted, connection, terminal))) return exitCode('cancelled')
      continue
    }
    if (live) {
      clear()
      const { progress, text, title } = posted.card
      terminal.err.write(renderProgress(progress ?? { text: text ?? title }, width))
      shown = true
    }
  }
  clear()
  terminal.err.write(
    'homelab: the bot went away before this ended; `homelab run list` shows how it goes on.\n',
  )
  return exitCode('unclear')
}

/** Which question it is: one that takes the bot down with it is asked twice. */
const questionOf = ({ card }: Posted): string | undefined =>
  card.buttons?.map(({ action }) => (action.kind === 'confirm' ? action.id : '')).find((id) => id !== '')

async function show(posted: Posted, { json, save, out, err }: Terminal): Promise<number> {
  const files = posted.error === undefined ? (posted.card.attachments ?? []) : []
  if (save !== undefined && posted.error === undefined) {
    const written = await saveFiles(files, save)
    err.write(renderCard({ ...posted.card, attachments: [] }, looks(err)))
    out.write(written.map((path) => `${path}\n`).join(''))
  } else if (json) {
    const failure = { error: posted.error, message: posted.card.text ?? posted.card.title }
    const body = posted.output ?? (posted.error === undefined ? null : failure)
    out.write(`${JSON.stringify(body, null, 2)}\n`)
  } else if (files.length > 0 && !out.isTTY) {
    // `homelab audit export > audit.ndjson`: the file is what is wanted there, the card is for who looks on.
    for (const { text } of files) out.write(text.endsWith('\n') ? text : `${text}\n`)
    err.write(renderCard({ ...posted.card, attachments: [] }, looks(err)))
  } else {
    out.write(renderCard(posted.card, looks(out)))
  }
  return exitCode(posted.error)
}

const looks = (to: NodeJS.WriteStream) => ({
  color: to.isTTY && process.env.NO_COLOR === undefined,
  width: to.isTTY ? to.columns : 160,
})

/** @returns whether to go on following */
async function answer(
  posted: Posted,
  connection: Connection,
  { out, err, input }: Terminal,
): Promise<boolean> {
  const find = (kind: 'confirm' | 'decline') =>
    posted.card.buttons?.find(({ action }) => action.kind === kind)?.action
  const yes = find('confirm')
  const no = find('decline')
  err.write(renderCard({ ...posted.card, buttons: [] }, { ...looks(err), width: err.columns ?? 80 }))
  if (!input.isTTY || !out.isTTY) {
    if (no !== undefined) await connection.press(posted.id, no)
    err.write('homelab: nobody is there to confirm this; add --yes to confirm beforehand.\n')
    return false
  }
  const lines = createInterface({ input, output: err })
  const reply = await lines.question('Do it? [y/N] ')
  lines.close()
  const action = /^y(es)?$/i.test(reply.trim()) ? yes : no
  if (action !== undefined) await connection.press(posted.id, action)
  return true
}
