/** One item of the Homelab node with the file alone. What takes long goes on without a worker, and is found again by its id. */
import { HomelabError, type Json, runnable, type Services } from '@homelab/core'
import type { IDataObject, IExecuteFunctions } from 'n8n-workflow'
import { agreed } from '../agreed.ts'
import { n8nClock } from '../clock.ts'
import { dryRun, isAgent, isDryRun, saysYes, signalOf, type WithFile } from '../execute.ts'
import type { Surfaced } from '../form.ts'
import { inputOf } from '../input.ts'
import { foldersOf, type LongCommands } from '../job/long-commands.ts'
import { stayOf } from '../job/stay.ts'
import { begin, cancel, look, type Place, progressFields, type Worked } from '../job/work.ts'
import { recordsOf } from '../output.ts'
import { withPicture } from '../picture.ts'
import { permitChange, permittedPlan, type Rights } from '../rights.ts'
import { runOperation } from '../run.ts'
import { type FileCredential, type FileServices, openFile } from './lab.ts'
import { type FileSubject, isLong, runsWithFile, subjectOf } from './leave.ts'

/** Opened once for all items. */
export interface OpenedFile {
  readonly services: FileServices
  readonly rights: Rights
  /** Secrets of the credential. */
  readonly key: string
}

export const openedFile = (context: IExecuteFunctions, credential: FileCredential): OpenedFile => ({
  services: openFile(context, credential),
  rights: credential,
  key: JSON.stringify((credential.references?.values ?? []).map(({ name, value }) => [name, value])),
})

export async function itemWithFile(
  context: IExecuteFunctions,
  surface: Surfaced,
  file: OpenedFile,
  item: number,
): Promise<(IDataObject | WithFile)[]> {
  const { operation } = surface
  const { services, rights } = file
  if (!runnable(operation, 'n8n', services) || !runsWithFile(operation)) throw onlyBot(`"${operation.title}"`)
  const input = inputOf(context, surface, item)
  const signal = signalOf(context)
  const change = { operation, input, services, rights, byAgent: isAgent(context), signal }
  if (isDryRun(context, surface, item)) return [await dryRun(change)]
  const plan = await permittedPlan(change)
  if (plan !== undefined) await agreed(change, plan, saysYes(context, surface, item))
  const subject = isLong(operation) ? subjectOf(operation, input, services.lab.inventory) : undefined
  if (subject !== undefined) {
    const worked = await begin(
      surface,
      { input, subject },
      placeOf(context, file, item, stayOf(context, item)),
    )
    if (worked.state !== 'done') return [commandFields(worked)]
    return recordsOf(context, surface, worked.output, item).map((each) => ({ ...each, completed: true }))
  }
  const ran = await runOperation(operation, input, services, {
    clock: n8nClock,
    signal,
    onCancel: 'end',
    log: (line) => context.logger.debug(line, { operation: operation.id, item }),
  })
  if (ran.state !== 'done') throw new HomelabError('bug', `"${operation.title}" was left before its end`)
  const records = recordsOf(context, surface, ran.output, item)
  if (surface.override.picture !== true) return records
  const card = operation.card(ran.output, input)
  return await Promise.all(records.map((record) => withPicture(context, item, record, { card })))
}

/** What became of one that was left. @throws as it did, when it failed */
export async function commandWithFile(
  context: IExecuteFunctions,
  all: readonly Surfaced[],
  file: OpenedFile,
  command: { readonly id: string; readonly cancel: boolean },
  item: number,
): Promise<IDataObject> {
  if (!command.cancel)
    return commandFields(await look(all, command.id, placeOf(context, file, item, stayOf(context, item))))
  permitChange({ title: 'Cancel a command', risk: 'change' }, file.rights, isAgent(context))
  return commandFields(await cancel(all, command.id, placeOf(context, file, item, 0)))
}

const placeOf = (
  context: IExecuteFunctions,
  { services, key }: OpenedFile,
  item: number,
  limitMs: number,
): Place<FileSubject> => ({
  key,
  services: (_, around) => ({ ...services, shells: shellsAround(services, around) }),
  restic: ({ restic }) => restic,
  signal: signalOf(context),
  limitMs,
  log: (line) => context.logger.debug(line, { item }),
})

function shellsAround({ shells, lab }: FileServices, around: LongCommands['around']): Services['shells'] {
  const foldersOn = (node: string) => foldersOf(lab.inventory.ssh.find(({ name }) => name === node)?.jobs)
  return {
    has: shells.has,
    host: (node) => around(shells.host(node), foldersOn(node)),
    guest: (guest) => around(shells.guest(guest), foldersOn(guest.node)),
  }
}

/** The same fields as those of a command that goes on in a bot, so that one loop follows either. */
function commandFields({ surface, ticket, ...worked }: Worked<FileSubject>): IDataObject {
  const { title } = surface.operation
  if (worked.state === 'cancelled') return { completed: true, state: 'cancelled', title }
  if (worked.state === 'done') {
    const output = worked.output as Json & IDataObject
    return {
      completed: true,
      state: 'done',
      title: surface.operation.card(output, ticket.input).title,
      output,
    }
  }
  const { job, progress } = worked
  const text = progress.text
  return { completed: false, state: 'working', command: job, title, text, ...progressFields(progress) }
}

export const onlyBot = (what: string): HomelabError =>
  new HomelabError('config', `${what} needs a running bot, which a file alone is not`, {
    hint: 'Choose "Homelab Bot" under Authentication, and its credential.',
  })
