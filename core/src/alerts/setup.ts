/** What has to be set in a source so that it tells us: exact, and without its secret. Pure. */
import { refText, type SecretRef } from '../inventory/fields.ts'
import type { AlertSourceEntry } from '../inventory/schema.ts'
import { monitoringSecretFiles } from '../monitoring/files/index.ts'
import { toBase64 } from '../tunnel/base64.ts'
import { proxmoxBody } from './sources/index.ts'

export interface SetupStep {
  readonly title: string
  /** One thing to do, or to know, each. */
  readonly items?: readonly string[]
  readonly code?: { readonly file: string; readonly type: string; readonly text: string }
}

export interface SetupOf {
  readonly source: Pick<AlertSourceEntry, 'name' | 'kind' | 'secret'>
  /** Where it sends to. */
  readonly url: string
}

/** In order; the last one sends a test. */
export function setupSteps({ source, url }: SetupOf): readonly SetupStep[] {
  const told = { url, secret: refText(source.secret), ref: source.secret, name: source.name }
  return [secretStep(told), ...steps[source.kind](told)]
}

interface Told {
  readonly url: string
  readonly secret: string
  readonly ref: SecretRef
  readonly name: string
}

function secretStep({ secret, ref }: Told): SetupStep {
  const where = {
    env: `Put it into the variable ${ref.name} of the bot, and start the bot again.`,
    file: `Put it into ${ref.name} on the bot's machine, for its user alone to read: no restart is needed.`,
    vault: `Put it there in Vault: the bot reads it within a minute, and no restart is needed.`,
  }[ref.from]
  return {
    title: 'The secret',
    items: [
      `It is where homelab.yaml says (${secret}), and not shown here.`,
      `If there is none yet: \`openssl rand -hex 24\` makes one. ${where}`,
    ],
  }
}

const shell = (file: string, ...lines: readonly string[]): NonNullable<SetupStep['code']> => ({
  file,
  type: 'text/x-shellscript',
  text: `${lines.join('\n')}\n`,
})

const base64 = (text: string): string => toBase64(new TextEncoder().encode(text))

/** A text as one word of a shell's. */
const word = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

const alertmanager = ({ url }: Told): readonly SetupStep[] => [
  {
    title: 'The receiver',
    items: [
      `The secret goes into the file ${monitoringSecretFiles.alerts} beside alertmanager.yml, for Alertmanager's user alone to read.`,
      '`monitoring rules alertmanager` makes a whole alertmanager.yml. In one that you have, this is what is needed, and `receiver: homelab` in its route.',
    ],
    code: {
      file: 'alertmanager-receiver.yml',
      type: 'application/yaml',
      text: `receivers:
  - name: homelab
    webhook_configs:
      - url: ${JSON.stringify(url)}
        send_resolved: true
        max_alerts: 0 # all of them
        http_config:
          authorization:
            type: Bearer
            credentials_file: ${monitoringSecretFiles.alerts}
`,
    },
  },
  {
    title: 'Send a test',
    items: [
      'It is in `alert list` after group_wait, and over five minutes later.',
      "Nothing comes: Alertmanager's own log says what it was answered.",
    ],
    code: shell(
      'alertmanager-test.sh',
      'amtool check-config /etc/prometheus/alertmanager.yml &&',
      'systemctl reload prometheus-alertmanager &&',
      'amtool --alertmanager.url=http://localhost:9093 alert add HomelabTest severity=info \\',
      "  --annotation=summary='A test of homelab'",
    ),
  },
]

const grafana = ({ url, name }: Told): readonly SetupStep[] => [
  {
    title: 'The contact point, by hand',
    items: [
      'Alerting, Contact points, Add contact point. Name: homelab. Integration: Webhook.',
      `URL: ${url}`,
      'Optional Webhook settings. HTTP Method: POST. Authorization Header, Scheme: Bearer. Authorization Header, Credentials: the secret. Max Alerts: empty.',
      'Notification settings. Disable resolved message: off.',
      'Notification policies: homelab is the contact point of the default policy, or of those that shall come here.',
    ],
  },
  {
    title: 'Or the contact point as a file',
    items: [
      'In /etc/grafana/provisioning/alerting; Grafana takes the secret from its variable HOMELAB_ALERTS_SECRET, and needs a restart. The notification policy is set as above.',
    ],
    code: {
      file: `grafana-${name}.yaml`,
      type: 'application/yaml',
      text: `apiVersion: 1
contactPoints:
  - orgId: 1
    name: homelab
    receivers:
      - uid: homelab
        type: webhook
        disableResolveMessage: false
        settings:
          url: ${JSON.stringify(url)}
          httpMethod: POST
          authorization_scheme: Bearer
          authorization_credentials: $HOMELAB_ALERTS_SECRET
`,
    },
  },
  {
    title: 'Send a test',
    items: [
      'The button Test of the contact point: "TestAlert" is in `alert list`, and gone when it is acknowledged.',
    ],
  },
]

const proxmox = ({ url }: Told): readonly SetupStep[] => [
  {
    title: 'On any node, as root',
    items: [
      'Proxmox VE 8.3 or newer. It tells of backups, replication, fencing, updates and mail to root (SMART, ZFS); never of guests that stop.',
      'Headers, body and secret are base64, as Proxmox wants them; the body is what homelab reads.',
      'Backup jobs tell it only with the notification mode "Notification system", not with an address of their own.',
    ],
    code: shell(
      'proxmox-webhook.sh',
      "read -rsp 'Secret: ' SECRET",
      'pvesh create /cluster/notifications/endpoints/webhook \\',
      '  --name homelab \\',
      '  --method post \\',
      `  --url ${word(url)} \\`,
      `  --header ${word(`name=Authorization,value=${base64('Bearer {{ secrets.token }}')}`)} \\`,
      `  --header ${word(`name=Content-Type,value=${base64('application/json')}`)} \\`,
      `  --body ${word(base64(proxmoxBody))} \\`,
      '  --secret "name=token,value=$(printf %s "$SECRET" | base64 -w0)" &&',
      'pvesh create /cluster/notifications/matchers \\',
      '  --name homelab-all \\',
      '  --target homelab \\',
      "  --comment 'Everything to homelab'",
      'unset SECRET',
    ),
  },
  {
    title: 'Or by hand',
    items: [
      'Datacenter, Notifications, Notification Targets, Add, Webhook. Endpoint Name: homelab. Method: POST.',
      `URL: ${url}`,
      'Headers: Authorization is `Bearer {{ secrets.token }}`, Content-Type is `application/json`.',
      'Secrets: token is the secret.',
      'Body: as below.',
      'Notification Matchers, Add. Matcher Name: homelab-all. Targets to notify: homelab. No match rules.',
    ],
    code: { file: 'proxmox-body.txt', type: 'text/plain', text: `${proxmoxBody}\n` },
  },
  {
    title: 'Send a test',
    items: [
      'Or the button Test of the target. "Test notification" is in `alert list`, and gone when it is acknowledged.',
      'A status of 401 is a wrong secret; a time-out is an address or a firewall in between.',
    ],
    code: shell('proxmox-test.sh', 'pvesh create /cluster/notifications/targets/homelab/test'),
  },
]

const kuma = ({ url }: Told): readonly SetupStep[] => [
  {
    title: 'The notification',
    items: [
      'Settings, Notifications, Setup Notification. Notification Type: Webhook. Friendly Name: homelab.',
      `Post URL: ${url}`,
      'Request Body: Preset, application/json.',
      'Additional Headers: on, as below with the secret in its place.',
      'Default enabled, and Apply on all existing monitors: on.',
      'A tag "severity" of a monitor, with the value warning or info, makes it less than critical.',
      'Uptime Kuma sends each message once and never again: what it says while the bot is away is lost.',
    ],
    code: {
      file: 'kuma-headers.json',
      type: 'application/json',
      text: '{ "Authorization": "Bearer PUT-THE-SECRET-HERE" }\n',
    },
  },
  {
    title: 'Send a test',
    items: [
      'The button Test says "Sent Successfully": the secret and the address are right. A test makes no alert.',
      'For the first alert: a monitor of the type TCP Port with the host 127.0.0.1 and the port 9 is down at once. Delete it after that: it stays in `alert list` until `alert resolve`.',
    ],
  },
]

const generic = ({ url, name }: Told): readonly SetupStep[] => {
  const post = (body: string) => [
    `printf 'Authorization: Bearer %s' "$SECRET" |`,
    "  curl --fail-with-body -sS -H @- -H 'Content-Type: application/json' \\",
    `    --data ${word(body)} \\`,
    `    ${word(url)}`,
  ]
  return [
    {
      title: 'What it sends',
      items: [
        'One alert, a list of them, or {"alerts": [ … ]}: a name or a title, and whatever of the rest there is.',
        'status (firing or resolved), severity (critical, warning, info), text, labels, fingerprint, startsAt, endsAt, link, runbook.',
        'The same fingerprint is the same alert; without one, the same name and labels are. The labels service, vmid, node and storage say what it is about.',
        'Anything but a 200 means that it is not kept: send it again, but not after a 400.',
      ],
    },
    {
      title: 'Send a test',
      items: ['It is in `alert list` at once, and the second message ends it.'],
      code: shell(
        `${name}-test.sh`,
        "read -rsp 'Secret: ' SECRET",
        ...post('{"name":"HomelabTest","severity":"info","text":"A test","labels":{"service":"test"}}'),
        ...post('{"name":"HomelabTest","status":"resolved","labels":{"service":"test"}}'),
        'unset SECRET',
      ),
    },
  ]
}

const steps = { alertmanager, grafana, proxmox, kuma, generic } satisfies Record<
  AlertSourceEntry['kind'],
  (told: Told) => readonly SetupStep[]
>
