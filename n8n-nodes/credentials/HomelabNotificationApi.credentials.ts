import type { ICredentialType, INodeProperties } from 'n8n-workflow'

export class HomelabNotificationApi implements ICredentialType {
  name = 'homelabNotificationApi'
  displayName = 'Homelab Notification Secret API'
  icon = { light: 'file:../icons/homelab.svg', dark: 'file:../icons/homelab.dark.svg' } as const
  documentationUrl = 'https://github.com/homelab-desk/homelab/tree/main/n8n-nodes#credentials'

  properties: INodeProperties[] = [
    {
      displayName: 'Secret',
      name: 'secret',
      type: 'string',
      typeOptions: { password: true },
      default: '',
      required: true,
      description:
        'At least 16 characters, such as those of <code>openssl rand -hex 24</code>. Whoever sends alerts or notifications shows it with each.',
    },
  ]
}
