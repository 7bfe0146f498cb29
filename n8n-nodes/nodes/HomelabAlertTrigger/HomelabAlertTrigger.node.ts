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
import { receiveAlerts } from '../../src/trigger/alert.ts'
import { judgeSecret } from '../../src/trigger/secret.ts'
import { handMade } from '../../src/trigger/webhook-methods.ts'

export class HomelabAlertTrigger implements INodeType {
  description: INodeTypeDescription = {
    displayName: 'Homelab Alert Trigger',
    name: 'homelabAlertTrigger',
    icon: { light: 'file:../../icons/homelab.svg', dark: 'file:../../icons/homelab.dark.svg' },
    group: ['trigger'],
    version: 1,
    subtitle: '={{ "from " + $parameter["kind"] }}',
    description: 'Starts when Alertmanager, Grafana, Proxmox, Uptime Kuma or a script sends an alert',
    defaults: { name: 'Homelab Alert Trigger' },
    inputs: [],
    outputs: [NodeConnectionTypes.Main],
    credentials: [{ name: 'homelabNotificationApi', required: true, testedBy: 'notificationSecret' }],
    webhooks: [{ name: 'default', httpMethod: 'POST', responseMode: 'onReceived', path: 'alerts' }],
    properties: [
      {
        displayName: 'Sent By',
        name: 'kind',
        type: 'options',
        noDataExpression: true,
        options: [
          { name: 'Alertmanager', value: 'alertmanager' },
          { name: 'Generic JSON', value: 'generic', description: 'Scripts, and whatever else sends JSON' },
          { name: 'Grafana', value: 'grafana' },
          { name: 'Proxmox VE', value: 'proxmox', description: 'Version 8.3 and later' },
          { name: 'Uptime Kuma', value: 'kuma' },
        ],
        default: 'alertmanager',
      },
      {
        displayName:
          'In alertmanager.yml: <code>webhook_configs</code> of a receiver, with the URL from above, <code>send_resolved: true</code>, <code>max_alerts: 0</code>, and under <code>http_config.authorization</code> the secret of the credential as <code>credentials</code>.',
        name: 'setupAlertmanager',
        type: 'notice',
        default: '',
        displayOptions: { show: { kind: ['alertmanager'] } },
      },
      {
        displayName:
          'POST <code>{"name": "DiskFull", "severity": "warning", "text": "…", "labels": {"service": "plex"}}</code> to the URL from above, or a list of such, with the header <code>Authorization: Bearer</code> and the secret of the credential. The same with <code>"status": "resolved"</code> says that it is over.',
        name: 'setupGeneric',
        type: 'notice',
        default: '',
        displayOptions: { show: { kind: ['generic'] } },
      },
      {
        displayName:
          'In Grafana: <b>Alerting → Contact points → Add</b>. Integration Webhook, the URL from above, method POST, Authorization Header with the scheme <code>Bearer</code> and the secret of the credential. Let a notification policy send there.',
        name: 'setupGrafana',
        type: 'notice',
        default: '',
        displayOptions: { show: { kind: ['grafana'] } },
      },
      {
        displayName:
          'In Proxmox: <b>Datacenter → Notifications → Add → Webhook</b>. Method POST, the URL from above, two headers: <code>Content-Type</code> with <code>application/json</code>, and <code>Authorization</code> with <code>Bearer {{ secrets.token }}</code>. Under Secrets add <code>token</code>, with the secret of the credential. Paste the body from below. Then let a notification matcher send to this target.',
        name: 'setupProxmox',
        type: 'notice',
        default: '',
        displayOptions: { show: { kind: ['proxmox'] } },
      },
      {
        displayName: 'Body for Proxmox',
        name: 'bodyTemplate',
        type: 'string',
        typeOptions: { rows: 4 },
        noDataExpression: true,
        default: proxmoxBody,
        description: 'Copy it into the target in Proxmox. Changing it here changes nothing.',
        displayOptions: { show: { kind: ['proxmox'] } },
      },
      {
        displayName:
          'In Uptime Kuma: <b>Settings → Notifications → Setup Notification</b>. Type Webhook, the URL from above, Request Body <code>application/json</code>, and under Additional Headers <code>{ "Authorization": "Bearer …" }</code> with the secret of the credential.',
        name: 'setupKuma',
        type: 'notice',
        default: '',
        displayOptions: { show: { kind: ['kuma'] } },
      },
      {
        displayName: 'Options',
        name: 'options',
        type: 'collection',
        placeholder: 'Add Option',
        default: {},
        options: [
          {
            displayName: 'Names',
            name: 'names',
            type: 'string',
            default: '',
            placeholder: 'e.g. ServiceDown, DiskFull',
            description: 'Only alerts that are called so, with commas between them. Default: all.',
          },
          {
            displayName: 'Only Firing',
            name: 'onlyFiring',
            type: 'boolean',
            default: false,
            description: 'Whether to leave out that an alert is over',
          },
          {
            displayName: 'Severities',
            name: 'severities',
            type: 'multiOptions',
            default: [],
            description: 'Only these. Default: all.',
            options: [
              { name: 'Critical', value: 'critical' },
              { name: 'Info', value: 'info' },
              { name: 'Warning', value: 'warning' },
            ],
          },
          {
            displayName: 'Source Name',
            name: 'source',
            type: 'string',
            default: '',
            placeholder: 'e.g. alertmanager-attic',
            description:
              'What the items say they come from, when there are two of a kind. Default: the kind.',
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
    return receiveAlerts(this)
  }
}
