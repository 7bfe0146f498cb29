/** One item of the Homelab Backup node. */
import { HomelabError } from '@homelab/core'
import type { IDataObject, IExecuteFunctions } from 'n8n-workflow'
import { agreed } from '../agreed.ts'
import { n8nClock } from '../clock.ts'
import { chosen, confirmed, dryRun, isAgent, isDryRun, saysYes, signalOf, sound } from '../execute.ts'
import type { Surfaced } from '../form.ts'
import { inputOf } from '../input.ts'
import { stay, stayOf } from '../job/stay.ts'
import { begin, cancel, look, type Place, progressFields, type Worked } from '../job/work.ts'
import { itemOf, recordsOf } from '../output.ts'
import { permitChange, permittedPlan, type Rights } from '../rights.ts'
import { runOperation } from '../run.ts'
import { sshCredential } from '../ssh/credential.ts'
import { resticCredential } from './credential.ts'
import { planOf } from './fields.ts'
import { type PlanFields, repositoryName } from './plan.ts'
import { backupServices, type Credentials } from './services.ts'

export async function backupItem(
  context: IExecuteFunctions,
  all: readonly Surfaced[],
  item: number,
): Promise<readonly IDataObject[]> {
  const [restic, ssh] = await Promise.all([resticCredential(context, item), sshCredential(context, item)])
  const credentials = { restic, ssh }
  const place = (limitMs: number): Place<PlanFields> => ({
    key: keyOf(credentials),
    services: (plan, around) => backupServices(context, plan, credentials, around),
    restic: () => (restic.binary ?? '').trim() || 'restic',
    signal: signalOf(context),
    limitMs,
    log: (line) => context.logger.debug(line, { item }),
  })
  if (context.getNodeParameter('resource', item) === 'job')
    return [await jobItem(context, all, item, { rights: restic, place })]
  return await operationItem(context, chosen(context, all, item), item, { credentials, place })
}

type PlaceFor = (limitMs: number) => Place<PlanFields>

/** Both: what is sealed with a password alone would let whoever sees an id try passwords on it. */
const keyOf = ({ restic, ssh }: Credentials): string =>
  [restic.password, ssh.privateKey, ssh.password].map((secret) => secret ?? '').join('\n')

async function jobItem(
  context: IExecuteFunctions,
  all: readonly Surfaced[],
  item: number,
  { rights, place }: { readonly rights: Rights; readonly place: PlaceFor },
): Promise<IDataObject> {
  const job = String(context.getNodeParameter('job', item, '') ?? '').trim()
  if (job === '') throw new HomelabError('usage', 'Job is missing')
  if (context.getNodeParameter('operation', item) === 'status')
    return jobFields(await look(all, job, place(stayOf(context, item))))
  permitChange({ title: 'Cancel a job', risk: 'change' }, rights, isAgent(context))
  return jobFields(await cancel(all, job, place(0)))
}

function jobFields({ surface, ticket, ...worked }: Worked<PlanFields>): IDataObject {
  const plan = ticket.subject.name
  if (worked.state === 'done') return { state: 'done', plan, ...itemOf(surface, worked.output) }
  if (worked.state === 'cancelled') return { state: 'cancelled', plan }
  const { job, progress } = worked
  return { state: 'running', plan, job, progress: progress.text, ...progressFields(progress) }
}

async function operationItem(
  context: IExecuteFunctions,
  surface: Surfaced,
  item: number,
  { credentials, place }: { readonly credentials: Credentials; readonly place: PlaceFor },
): Promise<readonly IDataObject[]> {
  const { operation, override, resource } = surface
  const kind = resource === 'postgres' ? 'postgres' : 'files'
  const plan = planOf(context, surface, kind, item)
  const names = Object.keys(operation.input.shape)
  const input = inputOf(context, surface, item, {
    ...(names.includes('plan') ? { plan: plan.name } : { repository: repositoryName }),
  })
  const { signal, log } = place(0)
  const services = backupServices(context, plan, credentials)
  const change = { operation, input, services, rights: credentials.restic, byAgent: isAgent(context), signal }
  if (isDryRun(context, surface, item)) return [await dryRun(change)]
  confirmed(context, surface, item)
  const planned = await permittedPlan(change)
  if (planned !== undefined) await agreed(change, planned, saysYes(context, surface, item))
  if ((override.own ?? []).includes(stay))
    return [jobFields(await begin(surface, { input, subject: plan }, place(stayOf(context, item))))]
  const ran = await runOperation(operation, input, services, {
    clock: n8nClock,
    signal,
    log,
    onCancel: 'end',
  })
  if (ran.state === 'running') throw new HomelabError('bug', 'It was left without a limit')
  sound(surface, ran.output, input)
  return recordsOf(context, surface, ran.output, item)
}
