import {
  type IExecuteFunctions,
  type INodeExecutionData,
  type INodeType,
  type INodeTypeDescription,
  NodeConnectionTypes,
} from 'n8n-workflow'
import { executeItems } from '../../src/execute.ts'
import { propertiesOf, sshOperations } from '../../src/form.ts'
import { proxmoxCredential } from '../../src/proxmox.ts'
import { proxmoxServices } from '../../src/services.ts'
import { commandsOf } from '../../src/ssh/credential.ts'
import { methods } from './methods.ts'
import { operations } from './operations.ts'
import { overrides } from './overrides.ts'

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
    credentials: [
      { name: 'proxmoxVeApi', required: true },
      {
        name: 'sshHostApi',
        required: true,
        testedBy: 'sshHostTest',
        displayOptions: { show: sshOperations(operations) },
      },
    ],
    properties: propertiesOf(operations, overrides),
  }

  methods = methods

  execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    return executeItems(this, operations, async (context) => {
      const rights = await proxmoxCredential(context)
      return { rights, services: proxmoxServices(context, rights, await commandsOf(context)) }
    })
  }
}
