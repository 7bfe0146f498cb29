/** alertmanager.yml: everything comes to homelab, which decides who is told. */
import { promDuration } from './promql.ts'
import { alertmanagerIn, secretFiles } from './scrape.ts'
import type { LabView } from './view.ts'
import { inline, noted, yamlText } from './yaml.ts'

/** What an alert is about, by its labels. */
const subject = [
  'kind',
  'service',
  'hostname',
  'vmid',
  'node',
  'storage',
  'plan',
  'repository',
  'id',
  'disk',
] as const
const WATCHDOG_MS = 300_000

export function alertmanagerFile(lab: LabView): string {
  const source = alertmanagerIn(lab)
  const name = source?.name ?? 'alertmanager'
  const watchdog = source?.watchdog?.alert ?? 'Watchdog'
  // Twice before it is missed.
  const every = Math.max(60_000, Math.min(WATCHDOG_MS, (source?.watchdog?.after ?? 2 * WATCHDOG_MS) / 2))
  const receiver = 'homelab'
  return yamlText(
    [
      'alertmanager.yml, by `homelab monitoring rules` from homelab.yaml.',
      ...(source === undefined
        ? [
            `homelab.yaml has no source for it yet: alerts: { sources: { ${name}: { secret: env:ALERTS_SECRET, watchdog: {} } } }`,
          ]
        : []),
    ],
    {
      route: {
        receiver,
        group_by: noted(
          'One message for each thing: an alert that joins a group waits for group_interval, one that begins a group does not.',
          inline(...subject),
        ),
        group_wait: '5s',
        group_interval: '1m',
        repeat_interval: noted(
          'homelab tells nobody twice. What it missed, and what fires again after a silence, it hears of this soon.',
          '15m',
        ),
        routes: [
          noted('The sign of life, again and again.', {
            matchers: [`alertname = ${JSON.stringify(watchdog)}`],
            receiver,
            group_by: inline('alertname'),
            group_wait: '0s',
            group_interval: promDuration(Math.min(60_000, every)),
            repeat_interval: promDuration(every),
          }),
        ],
      },
      inhibit_rules: noted(
        'Only the same thing in a lesser degree. That a node is down explains what stands on it is left to homelab: what is\ninhibited here and ends meanwhile is never told to be over.',
        [
          {
            source_matchers: ['severity = "critical"'],
            target_matchers: ['severity = "warning"'],
            equal: inline(...subject),
          },
        ],
      ),
      receivers: [
        {
          name: receiver,
          webhook_configs: [
            noted(
              lab.alerts.loopback
                ? 'homelab listens on its own machine only: for an Alertmanager elsewhere, set alerts.listen in homelab.yaml.'
                : 'alerts.listen of homelab.yaml, or its console.',
              {
                url: `http://${lab.alerts.address}/alerts/${name}`,
                send_resolved: true,
                max_alerts: noted('All of them, in one message.', 0),
                http_config: {
                  authorization: {
                    type: 'Bearer',
                    credentials_file: noted(
                      'What `secret` of this source in homelab.yaml refers to, in a file beside this one.',
                      secretFiles.alerts,
                    ),
                  },
                },
              },
            ),
          ],
        },
      ],
    },
  )
}
