import {
  type IExecuteFunctions,
  type INodeExecutionData,
  type INodeType,
  type INodeTypeDescription,
  NodeConnectionTypes,
} from 'n8n-workflow'
import { cloudflareClient, cloudflareCredential } from '../../src/cloudflare/client.ts'
import { cloudflareServices } from '../../src/cloudflare/services.ts'
import { executeItems } from '../../src/execute.ts'
import { propertiesOf } from '../../src/form.ts'
import { methods } from './methods.ts'
import { operations } from './operations.ts'
import { overrides } from './overrides.ts'

export class CloudflareTunnel implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Cloudflare Tunnel',
    name: 'cloudflareTunnel',
    icon: {
      light: 'file:../../icons/cloudflareTunnel.svg',
      dark: 'file:../../icons/cloudflareTunnel.dark.svg',
    },
    group: ['transform'],
    version: 1,
    subtitle: '={{$parameter["operation"] + ": " + $parameter["resource"]}}',
    description: 'Host names of a Cloudflare Tunnel with their DNS and login, its connectors and what drifts',
    defaults: { name: 'Cloudflare Tunnel' },
    usableAsTool: true,
    inputs: [NodeConnectionTypes.Main],
    outputs: [NodeConnectionTypes.Main],
    credentials: [{ name: 'cloudflareTunnelApi', required: true }],
    // For those editions of n8n that hide such fields from who looks at an execution.
    sensitiveOutputFields: ['token'],
    properties: propertiesOf(operations, overrides),
  }

  methods = methods

  execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    return executeItems(this, operations, async (context) => {
      const credential = await cloudflareCredential(context)
      return { rights: credential, services: cloudflareServices(cloudflareClient(context, credential)) }
    })
  }
}
