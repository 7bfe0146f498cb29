import { guestList, guestRestart } from '@homelab/core/operations'
import {
  type IExecuteFunctions,
  type INodeExecutionData,
  type INodeType,
  type INodeTypeDescription,
  NodeConnectionTypes,
} from 'n8n-workflow'
import { executeItems } from '../../src/execute.ts'
import { propertiesOf, surfaced } from '../../src/form.ts'
import { searchGuests } from '../../src/guests.ts'
import { proxmoxCredential, proxmoxServices } from '../../src/services.ts'
import { overrides } from './overrides.ts'

const operations = surfaced([guestList, guestRestart], overrides)

export class ProxmoxVe implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Proxmox VE',
    name: 'proxmoxVe',
    icon: { light: 'file:../../icons/proxmoxVe.svg', dark: 'file:../../icons/proxmoxVe.dark.svg' },
    group: ['transform'],
    version: 1,
    subtitle: '={{$parameter["operation"] + ": " + $parameter["resource"]}}',
    description: 'Look at and operate the containers and VMs of a Proxmox server',
    defaults: { name: 'Proxmox VE' },
    usableAsTool: true,
    inputs: [NodeConnectionTypes.Main],
    outputs: [NodeConnectionTypes.Main],
    credentials: [{ name: 'proxmoxVeApi', required: true }],
    properties: propertiesOf(operations, overrides),
  }

  methods = { listSearch: { searchGuests } }

  execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    return executeItems(this, operations, async (context) => {
      const rights = await proxmoxCredential(context)
      return { rights, services: proxmoxServices(context, rights) }
    })
  }
}
