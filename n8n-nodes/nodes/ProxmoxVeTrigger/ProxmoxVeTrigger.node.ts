import {
  type INodeExecutionData,
  type INodeType,
  type INodeTypeDescription,
  type IPollFunctions,
  NodeConnectionTypes,
} from 'n8n-workflow'
import { pollProxmox } from '../../src/trigger/poll.ts'

export class ProxmoxVeTrigger implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Proxmox VE Trigger',
    name: 'proxmoxVeTrigger',
    icon: { light: 'file:../../icons/proxmoxVe.svg', dark: 'file:../../icons/proxmoxVe.dark.svg' },
    group: ['trigger'],
    version: 1,
    subtitle:
      '={{$parameter["events"].length === 1 ? $parameter["events"][0] : $parameter["events"].length + " events"}}',
    description:
      'Starts when a guest changes its state, a task ends, a storage fills up or a backup is missing',
    defaults: { name: 'Proxmox VE Trigger' },
    polling: true,
    inputs: [],
    outputs: [NodeConnectionTypes.Main],
    credentials: [{ name: 'proxmoxVeApi', required: true }],
    properties: [
      {
        displayName:
          'The first look only learns how things are: it starts the workflow for nothing that was so before',
        name: 'learns',
        type: 'notice',
        default: '',
      },
      {
        displayName: 'Events',
        name: 'events',
        type: 'multiOptions',
        required: true,
        default: ['guestStateChanged'],
        options: [
          {
            name: 'Backup Stale or Missing',
            value: 'backupStale',
            description: 'When the newest backup of a guest is too old, or there is none',
          },
          {
            name: 'Guest State Changed',
            value: 'guestStateChanged',
            description: 'When a container or VM was started, stopped or paused',
          },
          {
            name: 'Storage Over Threshold',
            value: 'storageOverThreshold',
            description: 'When a storage becomes fuller than it should be',
          },
          {
            name: 'Task Failed',
            value: 'taskFailed',
            description: 'When a task of any node ends in an error; with the end of its log',
          },
          {
            name: 'Task Finished',
            value: 'taskFinished',
            description: 'When a task of any node ends well, or with warnings',
          },
        ],
      },
      {
        displayName: 'Threshold (Percent)',
        name: 'threshold',
        type: 'number',
        typeOptions: { minValue: 1, maxValue: 100 },
        default: 85,
        description: 'How full a storage may become',
        displayOptions: { show: { events: ['storageOverThreshold'] } },
      },
      {
        displayName: 'Maximum Age (Hours)',
        name: 'maxAgeHours',
        type: 'number',
        typeOptions: { minValue: 1 },
        default: 26,
        description:
          'How old the newest backup of a guest may be. A new guest has as long for its first one.',
        displayOptions: { show: { events: ['backupStale'] } },
      },
      {
        displayName: 'Options',
        name: 'options',
        type: 'collection',
        placeholder: 'Add Option',
        default: {},
        options: [
          {
            displayName: 'Check Backups Every (Minutes)',
            name: 'backupInterval',
            type: 'number',
            typeOptions: { minValue: 1 },
            default: 60,
            description: 'Backups are listed less often than all else: it costs a call for each storage',
          },
          {
            displayName: 'Guests',
            name: 'guests',
            type: 'string',
            default: '',
            placeholder: 'e.g. 110, plex',
            description: 'Only these, by VMID or name, with commas between them. Default: all.',
          },
          {
            displayName: 'Hysteresis (Percent)',
            name: 'hysteresis',
            type: 'number',
            typeOptions: { minValue: 0, maxValue: 50 },
            default: 5,
            description: 'How far a storage has to fall below the threshold before it is told again',
          },
          {
            displayName: 'Ignore Own Tasks',
            name: 'ignoreOwn',
            type: 'boolean',
            default: false,
            description:
              "Whether to leave out tasks that this credential's own API token started: a workflow that starts tasks would start itself again",
          },
          {
            displayName: 'Include Log of Failed Tasks',
            name: 'taskLog',
            type: 'boolean',
            default: true,
            description: 'Whether to add the last 30 lines of its log to a task that failed',
          },
          {
            displayName: 'States',
            name: 'states',
            type: 'multiOptions',
            default: [],
            description: 'Only changes to these states. Default: all.',
            options: [
              { name: 'Paused', value: 'paused' },
              { name: 'Running', value: 'running' },
              { name: 'Stopped', value: 'stopped' },
            ],
          },
          {
            displayName: 'Storages',
            name: 'storages',
            type: 'string',
            default: '',
            placeholder: 'e.g. local, tank',
            description: 'Only these, with commas between them. Default: all.',
          },
          {
            displayName: 'Task Types',
            name: 'taskTypes',
            type: 'string',
            default: '',
            placeholder: 'e.g. vzdump, vzreboot',
            description: 'Only these, with commas between them. Default: all.',
          },
        ],
      },
    ],
  }

  poll(this: IPollFunctions): Promise<INodeExecutionData[][] | null> {
    return pollProxmox(this)
  }
}
