import type {
  IAuthenticateGeneric,
  ICredentialTestRequest,
  ICredentialType,
  INodeProperties,
} from 'n8n-workflow'
import { aiMayChange, readOnly } from '../src/switches.ts'

export class HomelabBotApi implements ICredentialType {
  name = 'homelabBotApi'
  displayName = 'Homelab Bot API'
  icon = { light: 'file:../icons/homelab.svg', dark: 'file:../icons/homelab.dark.svg' } as const
  documentationUrl = 'https://github.com/homelab-desk/homelab/tree/main/n8n-nodes#credentials'

  properties: INodeProperties[] = [
    {
      displayName: 'URL',
      name: 'url',
      type: 'string',
      default: 'http://127.0.0.1:8787',
      required: true,
      placeholder: 'e.g. https://homelab.example.com',
      description: 'Address of the running bot, which is the one of its console',
    },
    {
      displayName: 'Token',
      name: 'token',
      type: 'string',
      typeOptions: { password: true },
      default: '',
      required: true,
      description:
        'The token that homelab.yaml has for n8n under <code>people</code>. Its role there decides what may be done.',
    },
    readOnly,
    aiMayChange,
  ]

  authenticate: IAuthenticateGeneric = {
    type: 'generic',
    properties: { headers: { Authorization: '=Bearer {{$credentials.token.trim()}}' } },
  }

  test: ICredentialTestRequest = {
    request: {
      baseURL: '={{$credentials.url.trim().replace(/\\/+$/, "")}}',
      url: '/api/about',
    },
  }
}
