import { errorData } from '@homelab/core'
import {
  type ICredentialsDecrypted,
  type ICredentialTestFunctions,
  type IExecuteFunctions,
  type INodeCredentialTestResult,
  type INodeExecutionData,
  type INodeType,
  type INodeTypeDescription,
  NodeConnectionTypes,
} from 'n8n-workflow'
import { checkFile, type FileCredential } from '../../src/file/lab.ts'
import { executeHomelab } from './execute.ts'
import { listSearch, loadOptions } from './names.ts'
import { operations } from './operations.ts'
import { propertiesOf } from './properties.ts'

export class Homelab implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Homelab',
    name: 'homelab',
    icon: { light: 'file:../../icons/homelab.svg', dark: 'file:../../icons/homelab.dark.svg' },
    group: ['transform'],
    version: 1,
    subtitle: '={{$parameter["operation"] + ": " + $parameter["resource"]}}',
    description:
      'Services, backup plans and schedules of a homelab.yaml by name, through the bot or the file alone',
    defaults: { name: 'Homelab' },
    usableAsTool: true,
    inputs: [NodeConnectionTypes.Main],
    outputs: [NodeConnectionTypes.Main],
    credentials: [
      { name: 'homelabBotApi', required: true, displayOptions: { show: { authentication: ['bot'] } } },
      {
        name: 'homelabFileApi',
        required: true,
        testedBy: 'homelabFile',
        displayOptions: { show: { authentication: ['file'] } },
      },
    ],
    properties: propertiesOf(operations),
  }

  methods = {
    listSearch,
    loadOptions,
    credentialTest: {
      homelabFile(
        this: ICredentialTestFunctions,
        credential: ICredentialsDecrypted,
      ): Promise<INodeCredentialTestResult> {
        return Promise.resolve(judge(credential.data as unknown as FileCredential))
      },
    },
  }

  execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    return executeHomelab(this)
  }
}

function judge(credential: FileCredential): INodeCredentialTestResult {
  try {
    return { status: 'OK', message: checkFile(credential) }
  } catch (error) {
    return { status: 'Error', message: errorData(error).message }
  }
}
