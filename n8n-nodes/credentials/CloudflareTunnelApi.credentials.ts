import type {
  ICredentialDataDecryptedObject,
  ICredentialTestRequest,
  ICredentialType,
  IHttpRequestOptions,
  INodeProperties,
} from 'n8n-workflow'
import { misuse } from '../src/cloudflare/misuse.ts'
import { aiMayChange, readOnly } from '../src/switches.ts'

// n8n's own "Cloudflare API" has no account and no switches, and its name is taken.
export class CloudflareTunnelApi implements ICredentialType {
  name = 'cloudflareTunnelApi'
  displayName = 'Cloudflare Tunnel API'
  icon = {
    light: 'file:../icons/cloudflareTunnel.svg',
    dark: 'file:../icons/cloudflareTunnel.dark.svg',
  } as const
  documentationUrl = 'https://github.com/homelab-desk/homelab/tree/main/n8n-nodes#credentials'

  properties: INodeProperties[] = [
    {
      displayName: 'API Token',
      name: 'token',
      type: 'string',
      typeOptions: { password: true },
      default: '',
      required: true,
      description:
        'Made under My Profile, API Tokens. It needs Account: Cloudflare Tunnel, Zone: Zone (Read) and Zone: DNS, and for what is behind a login Account: Access: Apps and Policies.',
    },
    {
      displayName: 'Account ID',
      name: 'account',
      type: 'string',
      default: '',
      required: true,
      placeholder: 'e.g. 023e105f4ecef8ad9ca31a8372d0c353',
      description: 'The 32 letters and digits in the address of the dashboard',
    },
    readOnly,
    aiMayChange,
    {
      displayName: 'API Address',
      name: 'api',
      type: 'string',
      default: 'https://api.cloudflare.com/client/v4',
      description: 'Another one only for tests, or for a proxy of your own: the token is sent there',
    },
  ]

  // A function, because the generic form refuses nothing.
  authenticate = (
    credentials: ICredentialDataDecryptedObject,
    request: IHttpRequestOptions,
  ): Promise<IHttpRequestOptions> => {
    const wrong = misuse(credentials, request)
    if (wrong !== undefined) return Promise.reject(new Error(wrong))
    const token = String(credentials.token).trim()
    return Promise.resolve({
      ...request,
      headers: { ...request.headers, Authorization: `Bearer ${token}` },
    })
  }

  test: ICredentialTestRequest = {
    request: {
      baseURL:
        '={{($credentials.api || "https://api.cloudflare.com/client/v4").trim().replace(/\\/+$/, "")}}',
      url: '=/accounts/{{encodeURIComponent($credentials.account.trim())}}/cfd_tunnel',
      qs: { per_page: 1, is_deleted: false },
    },
    rules: [
      {
        type: 'responseCode',
        properties: {
          value: 403,
          message:
            'Cloudflare refuses the token: it is wrong or of another account, or lacks "Account · Cloudflare Tunnel · Read"',
        },
      },
      {
        type: 'responseCode',
        properties: { value: 400, message: 'Cloudflare does not take this for an API token' },
      },
      {
        type: 'responseCode',
        properties: { value: 404, message: 'Cloudflare knows no such account: look at "Account ID"' },
      },
    ],
  }
}
