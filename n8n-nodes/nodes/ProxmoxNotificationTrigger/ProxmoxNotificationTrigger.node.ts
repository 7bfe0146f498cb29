import { proxmoxBody } from '@homelab/core/alerts'
import {
  type ICredentialsDecrypted,
  type ICredentialTestFunctions,
  type INodeCredentialTestResult,
  type INodeType,
  type INodeTypeDescription,
  type IWebhookFunctions,
  type IWebhookResponseData,
  NodeConnectionTypes,
} from 'n8n-workflow'
import { receiveNotification } from '../../src/trigger/notification.ts'
import { judgeSecret } from '../../src/trigger/secret.ts'
import { handMade } from '../../src/trigger/webhook-methods.ts'

export class ProxmoxNotificationTrigger implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Proxmox Notification Trigger',
    name: 'proxmoxNotificationTrigger',
    icon: { light: 'file:../../icons/proxmoxVe.svg', dark: 'file:../../icons/proxmoxVe.dark.svg' },
    group: ['trigger'],
    version: 1,
    subtitle: 'Proxmox VE 8.3 and later',
    description:
      'Starts when Proxmox sends a notification: backups, replication, fencing, updates, mail to root',
    defaults: { name: 'Proxmox Notification Trigger' },
    inputs: [],
    outputs: [NodeConnectionTypes.Main],
    credentials: [{ name: 'homelabNotificationApi', required: true, testedBy: 'notificationSecret' }],
    webhooks: [{ name: 'default', httpMethod: 'POST', responseMode: 'onReceived', path: 'proxmox' }],
    properties: [
      {
        displayName:
          'In Proxmox: <b>Datacenter → Notifications → Add → Webhook</b>. Method POST, the URL from above, two headers: <code>Content-Type</code> with <code>application/json</code>, and <code>X-Homelab-Secret</code> with <code>{{ secrets.token }}</code>. Under Secrets add <code>token</code>, with the secret of the credential. Paste the body from below. Then let a notification matcher send to this target, and press Test.',
        name: 'setup',
        type: 'notice',
        default: '',
      },
      {
        displayName: 'Body for Proxmox',
        name: 'bodyTemplate',
        type: 'string',
        typeOptions: { rows: 4 },
        noDataExpression: true,
        default: proxmoxBody,
        description: 'Copy it into the target in Proxmox. Changing it here changes nothing.',
      },
      {
        displayName: 'Options',
        name: 'options',
        type: 'collection',
        placeholder: 'Add Option',
        default: {},
        options: [
          {
            displayName: 'Severities',
            name: 'severities',
            type: 'multiOptions',
            default: [],
            description: 'Only these. Default: all.',
            options: [
              { name: 'Error', value: 'error' },
              { name: 'Info', value: 'info' },
              { name: 'Notice', value: 'notice' },
              { name: 'Unknown', value: 'unknown' },
              { name: 'Warning', value: 'warning' },
            ],
          },
          {
            displayName: 'Types',
            name: 'types',
            type: 'string',
            default: '',
            placeholder: 'e.g. vzdump, fencing',
            description: 'Only these, with commas between them. Default: all.',
          },
        ],
      },
    ],
  }

  methods = {
    credentialTest: {
      notificationSecret(
        this: ICredentialTestFunctions,
        credential: ICredentialsDecrypted,
      ): Promise<INodeCredentialTestResult> {
        return Promise.resolve(judgeSecret(credential.data?.secret))
      },
    },
  }

  webhookMethods = handMade

  webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
    return receiveNotification(this)
  }
}
