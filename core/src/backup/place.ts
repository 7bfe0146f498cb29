/** Where something is restored from: a plan, one of its repositories, and the machine that has the data. */
import { HomelabError } from '../errors.ts'
import { didYouMean } from '../nearest.ts'
import type { Clock } from '../ports.ts'
import {
  environmentOf,
  type Machine,
  machineOf,
  type PlanServices,
  type ResticRepository,
  resticOf,
  titleOf,
} from './plan.ts'
import type { Restic, ResticOptions } from './restic/restic.ts'
import type { NamedPlan } from './run.ts'

export type RestoreServices = PlanServices & { readonly clock: Clock }

export interface Place {
  readonly plan: NamedPlan
  readonly repository: ResticRepository
  readonly services: RestoreServices
}

/** @throws HomelabError `config` for a plan without a restic repository, `not-found` for one that it does not use */
export function chooseRepository(
  plan: NamedPlan,
  repositories: readonly ResticRepository[],
  wanted?: string,
): ResticRepository {
  const found =
    wanted === undefined ? repositories[0] : repositories.find(({ name }) => name === wanted.toLowerCase())
  if (found !== undefined) return found
  const names = repositories.map(({ name }) => name)
  if (wanted !== undefined)
    throw new HomelabError(
      'not-found',
      `${titleOf(plan)} has no repository ${wanted}.${didYouMean(wanted, names)}`,
    )
  throw new HomelabError('config', `${titleOf(plan)} has no repository of restic.`)
}

export interface Opened {
  readonly machine: Machine
  readonly restic: Restic
  /** For what takes another form than Restic has. */
  readonly options: ResticOptions
}

export async function openPlace(
  { plan, repository, services }: Place,
  signal?: AbortSignal,
): Promise<Opened> {
  const machine = await machineOf(plan, services, signal)
  return {
    machine,
    restic: await resticOf(repository, machine, services.secrets),
    options: {
      shell: machine.shell,
      binary: repository.binary ?? 'restic',
      secrets: await environmentOf(repository, services.secrets),
      name: titleOf(repository),
      ...(machine.guest === undefined ? {} : { home: '/root' }),
    },
  }
}
