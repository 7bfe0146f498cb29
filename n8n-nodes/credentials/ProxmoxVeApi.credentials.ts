import type {
  ICredentialDataDecryptedObject,
  ICredentialTestRequest,
  ICredentialType,
  IHttpRequestOptions,
  INodeProperties,
} from 'n8n-workflow'
import { refusal } from '../src/guard.ts'
import { aiMayChange, readOnly } from '../src/switches.ts'

export class ProxmoxVeApi implements ICredentialType {
  name = 'proxmoxVeApi'
  displayName = 'Proxmox VE API'
  icon = { light: 'file:../icons/proxmoxVe.svg', dark: 'file:../icons/proxmoxVe.dark.svg' } as const
  documentationUrl = 'https://github.com/homelab-desk/homelab/tree/main/n8n-nodes#credentials'

  properties: INodeProperties[] = [
    {
      displayName: 'URL',
      name: 'url',
      type: 'string',
      default: '',
      required: true,
      placeholder: 'e.g. https://192.168.1.10:8006',
      description: 'Address of the Proxmox web interface',
    },
    {
      displayName: 'Token ID',
      name: 'tokenId',
      type: 'string',
      default: '',
      required: true,
      placeholder: 'e.g. n8n@pve!homelab',
      description: 'User, realm and name of an API token',
    },
    {
      displayName: 'Token Secret',
      name: 'tokenSecret',
      type: 'string',
      typeOptions: { password: true },
      default: '',
      required: true,
      description: 'The UUID that Proxmox showed once when the token was made',
    },
    {
      displayName: 'CA Certificate',
      name: 'ca',
      type: 'string',
      typeOptions: { rows: 4 },
      default: '',
      placeholder: 'e.g. -----BEGIN CERTIFICATE-----',
      description: 'PEM of the authority that signed the certificate. On the node: /etc/pve/pve-root-ca.pem.',
    },
    {
      displayName: 'Ignore SSL Issues (Insecure)',
      name: 'ignoreSslIssues',
      type: 'boolean',
      default: false,
      description: 'Whether to connect even when the certificate cannot be verified',
    },
    readOnly,
    {
      displayName: 'Protected VMIDs',
      name: 'protectedVmids',
      type: 'string',
      default: '',
      displayOptions: { show: { readOnly: [false] } },
      placeholder: 'e.g. 100, 105',
      description:
        'Guests that nobody may change with this credential, also no AI agent. They can be looked at.',
    },
    aiMayChange,
  ]

  // A function, because the generic form cannot set the authority that signed the server's certificate.
  authenticate = (
    credentials: ICredentialDataDecryptedObject,
    request: IHttpRequestOptions,
  ): Promise<IHttpRequestOptions> => {
    const refused = refusal(credentials, request)
    if (refused !== undefined) return Promise.reject(new Error(refused))
    const ca = String(credentials.ca ?? '').trim()
    const id = String(credentials.tokenId).trim()
    const secret = String(credentials.tokenSecret).trim()
    return Promise.resolve({
      ...request,
      headers: { ...request.headers, Authorization: `PVEAPIToken=${id}=${secret}` },
      skipSslCertificateValidation: credentials.ignoreSslIssues === true,
      ...(ca === '' ? {} : { agentOptions: { ...request.agentOptions, ca } }),
    })
  }

  test: ICredentialTestRequest = {
    request: {
      baseURL: '={{$credentials.url.trim().replace(/\\/+$/, "")}}',
      url: '/api2/json/version',
    },
  }
}
