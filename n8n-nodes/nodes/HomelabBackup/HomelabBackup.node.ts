import {
  type IExecuteFunctions,
  type INodeExecutionData,
  type INodeType,
  type INodeTypeDescription,
  NodeConnectionTypes,
} from 'n8n-workflow'
import { resticRepositoryTest, sshHostTest } from '../../src/backup/credential-tests.ts'
import { backupItem } from '../../src/backup/execute.ts'
import { forEachItem } from '../../src/execute.ts'
import { propertiesOf } from '../../src/form.ts'
import { operations } from './operations.ts'
import { overrides } from './overrides.ts'

export class HomelabBackup implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Homelab Backup',
    name: 'homelabBackup',
    icon: { light: 'file:../../icons/homelabBackup.svg', dark: 'file:../../icons/homelabBackup.dark.svg' },
    group: ['transform'],
    version: 1,
    subtitle: '={{$parameter["operation"] + ": " + $parameter["resource"]}}',
    description: 'Back up files and PostgreSQL by restic over SSH, prove it, restore and drill',
    defaults: { name: 'Homelab Backup' },
    usableAsTool: true,
    inputs: [NodeConnectionTypes.Main],
    outputs: [NodeConnectionTypes.Main],
    credentials: [
      { name: 'resticRepositoryApi', required: true, testedBy: 'resticRepositoryTest' },
      { name: 'sshHostApi', required: true, testedBy: 'sshHostTest' },
    ],
    properties: propertiesOf(operations, overrides),
  }

  methods = { credentialTest: { resticRepositoryTest, sshHostTest } }

  execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
    return forEachItem(this, (item) => backupItem(this, operations, item))
  }
}
