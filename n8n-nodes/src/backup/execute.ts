/** One item of the Homelab Backup node. */
import { HomelabError } from '@homelab/core'
import type { IDataObject, IExecuteFunctions } from 'n8n-workflow'
import { agreed } from '../agreed.ts'
import { n8nClock } from '../clock.ts'
import { chosen, confirmed, dryRun, isAgent, isDryRun, saysYes, signalOf, sound } from '../execute.ts'
import type { Surfaced } from '../form.ts'
import { inputOf } from '../input.ts'
import { recordsOf } from '../output.ts'
import { permitChange, permittedPlan } from '../rights.ts'
import { runOperation } from '../run.ts'
import { sshCredential } from '../ssh/credential.ts'
import { resticCredential } from './credential.ts'
import { planOf, stay, stayOf } from './fields.ts'
import { repositoryName } from './plan.ts'
import { backupServices } from './services.ts'
import { begin, cancel, look, type Place } from './work.ts'

export async function backupItem(
  context: IExecuteFunctions,
  all: readonly Surfaced[],
  item: number,
): Promise<readonly IDataObject[]> {
  const [restic, ssh] = await Promise.all([resticCredential(context, item), sshCredential(context, item)])
  const place = (limitMs: number): Place => ({
    context,
    credentials: { restic, ssh },
    signal: signalOf(context),
    limitMs,
    log: (line) => context.logger.debug(line, { item }),
  })
  if (context.getNodeParameter('resource', item) === 'job') return [await jobItem(context, all, item, place)]
  return await operationItem(context, chosen(context, all, item), item, place)
}

async function jobItem(
  context: IExecuteFunctions,
  all: readonly Surfaced[],
  item: number,
  place: (limitMs: number) => Place,
): Promise<IDataObject> {
  const job = String(context.getNodeParameter('job', item, '') ?? '').trim()
  if (job === '') throw new HomelabError('usage', 'Job is missing')
  if (context.getNodeParameter('operation', item) === 'status')
    return await look(all, job, place(stayOf(context, item)))
  const { restic } = place(0).credentials
  permitChange({ title: 'Cancel a job', risk: 'change' }, restic, isAgent(context))
  return await cancel(all, job, place(0))
}

async function operationItem(
  context: IExecuteFunctions,
  surface: Surfaced,
  item: number,
  place: (limitMs: number) => Place,
): Promise<readonly IDataObject[]> {
  const { operation, override, resource } = surface
  const kind = resource === 'postgres' ? 'postgres' : 'files'
  const plan = planOf(context, surface, kind, item)
  const names = Object.keys(operation.input.shape)
  const input = inputOf(context, surface, item, {
    ...(names.includes('plan') ? { plan: plan.name } : { repository: repositoryName }),
  })
  const { credentials, signal, log } = place(0)
  const services = backupServices(context, plan, credentials)
  const change = { operation, input, services, rights: credentials.restic, byAgent: isAgent(context), signal }
  if (isDryRun(context, surface, item)) return [await dryRun(change)]
  confirmed(context, surface, item)
  const planned = await permittedPlan(change)
  if (planned !== undefined) await agreed(change, planned, saysYes(context, surface, item))
  if ((override.own ?? []).includes(stay))
    return [await begin(surface, { input, plan }, place(stayOf(context, item)))]
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
