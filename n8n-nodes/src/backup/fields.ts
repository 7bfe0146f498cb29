/** The fields of a plan, made by hand, and what a person filled in there. */
import type { IDataObject, IExecuteFunctions, INodeProperties } from 'n8n-workflow'
import type { Surfaced } from '../form.ts'
import { listOf } from '../input.ts'
import type { PlanFields } from './plan.ts'

export const planName: INodeProperties = {
  displayName: 'Plan Name',
  name: 'planName',
  type: 'string',
  required: true,
  default: '',
  placeholder: 'e.g. photos',
  description:
    'Marks the snapshots of one thing in the repository. Keep it the same for ever; only one job of a plan runs at a time.',
}

const list = (displayName: string, name: string, example: string, description: string): INodeProperties => ({
  displayName,
  name,
  type: 'string',
  typeOptions: { multipleValues: true },
  default: [],
  placeholder: `e.g. ${example}`,
  description,
})

export const paths: INodeProperties = {
  ...list('Paths', 'paths', '/Apollo/Photos', 'Files and folders to save, as the machine has them'),
  required: true,
}

export const exclude = list(
  'Exclude',
  'exclude',
  '*.tmp',
  'Patterns of what is left out, as restic takes them',
)

export const databases = list('Databases', 'databases', 'immich', 'Empty: all of them, and the roles')

export const server: INodeProperties = {
  displayName: 'Server',
  name: 'server',
  type: 'collection',
  placeholder: 'Add Setting',
  default: {},
  options: [
    {
      displayName: 'Host',
      name: 'host',
      type: 'string',
      default: '',
      placeholder: 'e.g. /var/run/postgresql',
      description: 'Folder of the socket, or an address. Not given: as psql finds it itself.',
    },
    {
      displayName: 'Jobs',
      name: 'jobs',
      type: 'number',
      typeOptions: { minValue: 1, maxValue: 16, numberPrecision: 0 },
      default: 2,
      description: 'Tables dumped at a time',
    },
    {
      displayName: 'Port',
      name: 'port',
      type: 'number',
      typeOptions: { minValue: 1, maxValue: 65535, numberPrecision: 0 },
      default: 5432,
    },
    {
      displayName: 'Staging',
      name: 'staging',
      type: 'string',
      default: '/var/lib/homelab-staging',
      description: 'A folder of the machine with room for a whole dump',
    },
    {
      displayName: 'User',
      name: 'user',
      type: 'string',
      default: 'postgres',
      description: 'User of the machine as whom pg_dump runs',
    },
  ],
}

const kept = (name: string, displayName: string): INodeProperties => ({
  displayName,
  name,
  type: 'number',
  typeOptions: { minValue: 0, numberPrecision: 0 },
  default: 7,
})

export const keep: INodeProperties = {
  displayName: 'Keep',
  name: 'keep',
  type: 'collection',
  placeholder: 'Add Rule',
  default: { daily: 7, weekly: 4, monthly: 12 },
  description: 'How many proven snapshots stay, of each kind. The newest is never removed.',
  options: [
    kept('daily', 'Daily'),
    kept('hourly', 'Hourly'),
    kept('last', 'Last'),
    kept('monthly', 'Monthly'),
    kept('weekly', 'Weekly'),
    {
      displayName: 'Within',
      name: 'within',
      type: 'string',
      default: '',
      placeholder: 'e.g. 30d',
      description: 'All that are not older',
    },
    kept('yearly', 'Yearly'),
  ],
}

export const maxAge: INodeProperties = {
  displayName: 'Max Age',
  name: 'maxAge',
  type: 'string',
  default: '26h',
  placeholder: 'e.g. 26h',
  description: 'How old the newest proven snapshot may get: 26h, 8d',
}

export const compared: INodeProperties = {
  displayName: 'Files to Compare',
  name: 'compared',
  type: 'number',
  typeOptions: { minValue: 1, maxValue: 1000, numberPrecision: 0 },
  default: 20,
  description: 'How many files are restored, by chance, and compared with the live ones',
}

export const job: INodeProperties = {
  displayName: 'Job',
  name: 'job',
  type: 'string',
  required: true,
  default: '={{ $json.job }}',
  description: 'The ID that the item had that started it',
}

/** @param kind what the resource of the node is of */
export function planOf(
  context: Pick<IExecuteFunctions, 'getNodeParameter'>,
  { override }: Surfaced,
  kind: PlanFields['kind'],
  item: number,
): PlanFields {
  const offered = new Set((override.own ?? []).map(({ name }) => name))
  const value = (property: INodeProperties): unknown =>
    offered.has(property.name) ? context.getNodeParameter(property.name, item, property.default) : undefined
  const given = <K extends keyof PlanFields>(key: K, found: PlanFields[K] | undefined) =>
    found === undefined ? {} : { [key]: found }
  return {
    // What has no plan of its own is the repository's.
    name: offered.has(planName.name) ? String(value(planName) ?? '').trim() : 'repository',
    kind,
    ...given('paths', offered.has(paths.name) ? (listOf(value(paths) ?? '') ?? []) : undefined),
    ...given('exclude', listOf(value(exclude) ?? '')),
    ...given('databases', listOf(value(databases) ?? '')),
    ...given('server', filled(value(server))),
    ...given('retention', filled(value(keep))),
    ...given('fresh', textOf(value(maxAge))),
    ...given('files', value(compared) as number | undefined),
  }
}

const textOf = (value: unknown): string | undefined => {
  const text = String(value ?? '').trim()
  return text === '' ? undefined : text
}

/** What was added to a collection and left empty counts as not given. */
function filled(collection: unknown): IDataObject | undefined {
  const entries = Object.entries((collection ?? {}) as IDataObject).filter(
    ([, value]) => value !== '' && value !== null && value !== undefined,
  )
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}
