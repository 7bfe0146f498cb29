import type { ICredentialType, INodeProperties } from 'n8n-workflow'
import { aiMayChange, readOnly } from '../src/switches.ts'

const at = (...backends: string[]) => ({ show: { backend: backends } })

/** Tested by the node that uses it: only the machine with the data can open it. */
export class ResticRepositoryApi implements ICredentialType {
  name = 'resticRepositoryApi'
  displayName = 'Restic Repository API'
  icon = {
    light: 'file:../icons/resticRepository.svg',
    dark: 'file:../icons/resticRepository.dark.svg',
  } as const
  documentationUrl = 'https://github.com/homelab-desk/homelab/tree/main/n8n-nodes#restic-repository'

  properties: INodeProperties[] = [
    {
      displayName: 'Where',
      name: 'backend',
      type: 'options',
      options: [
        { name: 'Backblaze B2', value: 'b2' },
        { name: 'Other', value: 'other' },
        { name: 'S3', value: 's3' },
      ],
      default: 'b2',
    },
    {
      displayName: 'Repository',
      name: 'repository',
      type: 'string',
      default: '',
      required: true,
      placeholder: 'e.g. s3:https://s3.eu-central-003.backblazeb2.com/my-bucket/homelab',
      description:
        'As restic takes it. For B2 its S3 address is better than b2:, whose uploads are slower and less sure; a folder, rest:https://… or sftp:… are others.',
    },
    {
      displayName: 'Password',
      name: 'password',
      type: 'string',
      typeOptions: { password: true },
      default: '',
      required: true,
      description: 'Of the repository. Keep a copy elsewhere: without it nothing can ever be restored.',
    },
    {
      displayName: 'Key ID',
      name: 'accessKeyId',
      type: 'string',
      default: '',
      required: true,
      displayOptions: at('b2', 's3'),
      description: 'Application key or access key',
    },
    {
      displayName: 'Key Secret',
      name: 'secretAccessKey',
      type: 'string',
      typeOptions: { password: true },
      default: '',
      required: true,
      displayOptions: at('b2', 's3'),
    },
    {
      displayName: 'Secret Environment',
      name: 'secretEnv',
      type: 'string',
      typeOptions: { password: true, rows: 3 },
      default: '',
      displayOptions: at('other', 's3'),
      placeholder: 'e.g. RESTIC_REST_USERNAME=n8n',
      description:
        'What restic needs besides, one NAME=value a line. It reaches restic alone, by its input, never by a command line.',
    },
    {
      displayName: 'Restic',
      name: 'binary',
      type: 'string',
      default: '',
      placeholder: 'e.g. /usr/local/bin/restic',
      description: 'Path of the program on that machine, where it is not in the PATH',
    },
    {
      displayName: 'Append Only',
      name: 'appendOnly',
      type: 'boolean',
      default: false,
      description: 'Whether its keys cannot delete: old snapshots are then removed by somebody else',
    },
    {
      ...readOnly,
      description: 'Whether to refuse every backup, restore and removal with this credential',
    },
    aiMayChange,
  ]
}
