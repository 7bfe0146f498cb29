/** The form: that of the operations, with the two ways to the lab, lists of names, and how a change is answered. */
import type { SuggestKind } from '@homelab/core'
import type { INodeProperties, INodePropertyOptions } from 'n8n-workflow'
import { changeFields, offersConfirm } from '../../src/common-fields.ts'
import { listMode, locator, nameMode } from '../../src/field.ts'
import { isLong, runsWithFile } from '../../src/file/leave.ts'
import { propertiesOf as generated, type Surfaced } from '../../src/form.ts'
import { stay } from '../../src/job/stay.ts'
import type { Overrides } from '../../src/overrides.ts'
import { overrides } from './overrides.ts'

export const ways = { bot: 'bot', file: 'file' } as const

/** The one that is not an operation of core: what became of a command that was left. */
export const commandResource = {
  resource: 'command',
  verbs: { get: 'get', cancel: 'cancel' },
  field: 'command',
} as const

/** Seconds: what n8n's workers do not mind. */
export const defaultWaitLimit = 60

const example: Partial<Record<SuggestKind, string>> = {
  services: 'plex',
  guests: 'plex',
  backups: 'postgresql',
  schedules: 'backup/postgresql',
  runs: 'r-4f2a',
  storages: 'tank',
  incidents: 'k7f3',
  blueprints: 'jellyfin',
  deployments: 'media/jellyfin',
}

/** Kinds of names that have a list here, and its method. */
export const searchMethods: Partial<Record<SuggestKind, string>> = {
  services: 'searchServices',
  guests: 'searchGuests',
  backups: 'searchPlans',
  schedules: 'searchSchedules',
  runs: 'searchRuns',
  storages: 'searchStorages',
  incidents: 'searchIncidents',
  blueprints: 'searchBlueprints',
  deployments: 'searchDeployments',
}

export const propertiesOf = (all: readonly Surfaced[]): INodeProperties[] => {
  const [resources, ...others] = generated(all, overrides satisfies Overrides)
  return [
    authentication,
    ...(resources === undefined ? [] : [withCommand(withoutBotAlone(all, resources))]),
    ...commandProperties,
    ...others.map((property) => withList(all, withoutBotAlone(all, property))),
    ...all.flatMap(answers),
  ]
}

const authentication: INodeProperties = {
  displayName: 'Authentication',
  name: 'authentication',
  type: 'options',
  options: [
    {
      name: 'Homelab Bot',
      value: ways.bot,
      description: 'Through a running bot: one change at a time for each guest, one audit log',
    },
    {
      name: 'Homelab File',
      value: ways.file,
      description: 'With a homelab.yaml in a credential, without a bot',
    },
  ],
  default: 'bot',
}

/** What a file alone cannot do is not offered with it: of the resources, or of the operations of one. */
function withoutBotAlone(all: readonly Surfaced[], property: INodeProperties): INodeProperties {
  const { name, options, displayOptions } = property
  if (name !== 'resource' && name !== 'operation') return property
  const offered = ({ resource, verb }: Surfaced, value: unknown) =>
    name === 'resource'
      ? resource === value
      : verb === value && displayOptions?.show?.resource?.includes(resource) === true
  return {
    ...property,
    options: (options as INodePropertyOptions[]).map((option) =>
      all.some((surface) => offered(surface, option.value) && runsWithFile(surface.operation))
        ? option
        : { ...option, displayOptions: { show: { authentication: [ways.bot] } } },
    ),
  }
}

const withCommand = (resources: INodeProperties): INodeProperties => ({
  ...resources,
  options: [
    ...((resources.options ?? []) as { name: string; value: string }[]),
    { name: 'Command', value: 'command' },
  ].toSorted((a, b) => a.name.localeCompare(b.name)),
})

const onCommand = { resource: [commandResource.resource] }

const commandProperties: INodeProperties[] = [
  {
    displayName: 'Operation',
    name: 'operation',
    type: 'options',
    noDataExpression: true,
    displayOptions: { show: onCommand },
    options: [
      {
        name: 'Cancel',
        value: commandResource.verbs.cancel,
        description: 'Ends a change that this node did not wait for, and waits until it has ended',
        action: 'Cancel a command',
      },
      {
        name: 'Get',
        value: commandResource.verbs.get,
        description: 'What became of a change that this node did not wait for, or that waits for an approval',
        action: 'Get what became of a command',
      },
    ],
    default: 'get',
  },
  {
    displayName: 'Command ID',
    name: commandResource.field,
    type: 'string',
    required: true,
    default: '',
    placeholder: 'e.g. n8n:0d3c…',
    description: 'The <code>command</code> of the item that the change gave',
    displayOptions: { show: onCommand },
  },
  staying({ ...onCommand, operation: [commandResource.verbs.get] }, 0),
]

/** A field that takes names gets a list of them. */
function withList(all: readonly Surfaced[], property: INodeProperties): INodeProperties {
  const show = property.displayOptions?.show
  const surface = all.find(
    ({ resource, verb }) => show?.resource?.includes(resource) && show.operation?.includes(verb),
  )
  const field = surface?.fields.find(({ name }) => name === property.name)
  if (field?.suggest === undefined || !field.required) return property
  const method = searchMethods[field.suggest]
  if (method === undefined) return property
  const { typeOptions: _, default: __, placeholder: ___, type: ____, modes: _____, ...base } = property
  if (field.kind === 'list') {
    return {
      ...base,
      displayName: `${base.displayName.replace(/s$/, '')} Names or IDs`,
      type: 'multiOptions',
      typeOptions: { loadOptionsMethod: method.replace('search', 'load') },
      default: [],
      description:
        'Choose from the list, or specify IDs using an <a href="https://docs.n8n.io/code/expressions/">expression</a>',
    }
  }
  return locator(base, listMode(method, 'one'), nameMode(example[field.suggest] ?? 'plex'))
}

/** How a change is confirmed and waited for. What is made anyway (a dry run, the yes to a destructive one) is not made again. */
function answers(surface: Surfaced): INodeProperties[] {
  const { operation, resource, verb } = surface
  if (operation.risk === 'read') return []
  const forReal = { resource: [resource], operation: [verb], [changeFields.dryRun]: [false] }
  const confirm: INodeProperties = {
    displayName: 'Confirm',
    name: changeFields.confirm,
    type: 'boolean',
    default: false,
    description: 'Whether it may be done though homelab.yaml wants a confirmation for it',
    displayOptions: { show: forReal },
  }
  const own = surface.fields.some(({ name }) => name === changeFields.confirm)
  return [
    ...(offersConfirm(surface) || own ? [] : [confirm]),
    ...(operation.immediate === true ? [] : waiting(forReal)),
    ...(isLong(operation) && runsWithFile(operation) ? [staying(forReal)] : []),
  ]
}

type Show = Readonly<Record<string, (string | boolean)[]>>

/** With the file alone nothing goes on but a job on the machine of a plan. */
function staying(show: Show, seconds = stay.default): INodeProperties {
  return {
    ...stay,
    default: seconds,
    description:
      'How long to stay with it. After that the item has <code>completed: false</code> and the ID of the command, whose job goes on; Command: Get looks again.',
    displayOptions: { show: { ...show, authentication: [ways.file] } },
  }
}

function waiting(show: Show): INodeProperties[] {
  const throughBot = { ...show, authentication: [ways.bot] }
  return [
    {
      displayName: 'Wait for Completion',
      name: changeFields.wait,
      type: 'boolean',
      default: true,
      description:
        'Whether to wait until it has ended and its result is there. Otherwise the output has the ID of the run, which goes on in the bot.',
      displayOptions: { show: throughBot },
    },
    {
      displayName: 'Wait Limit (Seconds)',
      name: changeFields.limit,
      type: 'number',
      typeOptions: { minValue: 1, numberPrecision: 0 },
      default: defaultWaitLimit,
      description: 'After that the output has the ID of the run, which goes on in the bot',
      displayOptions: { show: { ...throughBot, [changeFields.wait]: [true] } },
    },
  ]
}
