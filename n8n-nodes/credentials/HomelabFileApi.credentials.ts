import type { ICredentialType, INodeProperties } from 'n8n-workflow'
import { aiMayChange, readOnly } from '../src/switches.ts'

export class HomelabFileApi implements ICredentialType {
  name = 'homelabFileApi'
  displayName = 'Homelab File API'
  icon = { light: 'file:../icons/homelab.svg', dark: 'file:../icons/homelab.dark.svg' } as const
  documentationUrl = 'https://github.com/homelab-desk/homelab/tree/main/n8n-nodes#credentials'

  properties: INodeProperties[] = [
    {
      displayName:
        'Nothing here keeps two changes apart or writes an audit log: where the bot runs, use its credential instead',
      name: 'notice',
      type: 'notice',
      default: '',
    },
    {
      displayName: 'File',
      name: 'file',
      type: 'string',
      typeOptions: { rows: 12 },
      default: '',
      required: true,
      placeholder: 'e.g. proxmox: { endpoints: https://192.168.1.10:8006, token: … }',
      description: 'The whole homelab.yaml. Secrets stay references, such as env:PROXMOX_TOKEN_SECRET.',
    },
    {
      displayName: 'Secrets',
      name: 'references',
      type: 'fixedCollection',
      typeOptions: { multipleValues: true },
      default: {},
      placeholder: 'Add Secret',
      description: 'What the references of the file stand for',
      options: [
        {
          displayName: 'Secret',
          name: 'values',
          values: [
            {
              displayName: 'Name',
              name: 'name',
              type: 'string',
              default: '',
              placeholder: 'e.g. PROXMOX_TOKEN_SECRET',
              description: 'As after env: in the file, or all that is after file: or vault:',
            },
            {
              displayName: 'Value',
              name: 'value',
              type: 'string',
              typeOptions: { password: true },
              default: '',
            },
          ],
        },
      ],
    },
    {
      displayName: 'Ignore SSL Issues (Insecure)',
      name: 'ignoreSslIssues',
      type: 'boolean',
      default: false,
      description:
        'Whether to connect to Proxmox even when its certificate cannot be verified. Better: <code>ca</code> in the file; n8n cannot check a fingerprint.',
    },
    readOnly,
    aiMayChange,
  ]
}
