/** The file of alert rules. */

import { type Group, groupNode } from './rule.ts'
import { backupRules, diskRules, storageRules } from './rules-data.ts'
import { guestRules, nodeRules, routeRules, serviceRules, traefikRules } from './rules-lab.ts'
import { alertmanagerIn } from './scrape.ts'
import type { LabView } from './view.ts'
import { yamlText } from './yaml.ts'

export function ruleGroups(lab: LabView): readonly Group[] {
  const groups = [
    serviceRules(lab),
    routeRules(lab),
    traefikRules(lab),
    guestRules(lab),
    nodeRules(lab),
    storageRules(lab),
    diskRules(lab),
    backupRules(lab),
    ownRules(lab),
  ]
  return groups.filter((group): group is Group => group !== undefined && group.rules.length > 0)
}

/** The watchers themselves: what nobody measures is never wrong. */
function ownRules(lab: LabView): Group {
  const watchdog = alertmanagerIn(lab)?.watchdog?.alert ?? 'Watchdog'
  return {
    name: 'homelab-monitoring',
    comment: 'The watchers themselves: what nobody measures is never wrong.',
    rules: [
      {
        alert: watchdog,
        expr: 'vector(1)',
        severity: 'info',
        kind: 'watchdog',
        summary: 'Prometheus and Alertmanager work',
        description: 'It fires always. homelab raises the alarm when it has not heard it for a while.',
        comment:
          'A dead Prometheus raises no alert; the silence of this one does (`watchdog` of the source in homelab.yaml).',
      },
      {
        alert: 'ProbesBlind',
        expr: 'max(up{job=~"services|routes"}) == 0',
        for: '5m',
        severity: 'warning',
        kind: 'probes-blind',
        summary: 'The blackbox exporter does not answer',
        description: `No service is asked: it is looked for at ${lab.blackbox}.`,
        comment: 'Instead of an alarm for each service.',
      },
      {
        alert: 'ExporterDown',
        expr: gone(
          'max by (job, instance)',
          'up{job!~"services|routes|nodes|homelab|cloudflared"}',
          'on (job, instance)',
        ),
        for: '10m',
        severity: 'warning',
        kind: 'exporter',
        summary: 'Nothing is measured by {{ $labels.job }} ({{ $labels.instance }})',
        description: 'It has not answered for 10 minutes.',
      },
      {
        alert: 'NotMeasured',
        expr: 'max by (job, instance, node) (max_over_time(up{job!~"services|routes"}[7d])) == 0',
        for: '1h',
        severity: 'info',
        kind: 'unmeasured',
        summary: '{{ $labels.job }} ({{ $labels.instance }}) has never answered',
        description: 'Its exporter is not installed, or listens elsewhere: what it would tell, nobody sees.',
      },
      {
        alert: 'HomelabDown',
        expr: gone('max', 'up{job="homelab"}', 'on ()'),
        for: '5m',
        severity: 'critical',
        kind: 'homelab',
        summary: 'homelab itself does not answer',
        description:
          'Alerts reach nobody while it is down: Alertmanager sends them again and again until it is back.',
        comment:
          'It cannot tell you so itself: give Alertmanager a second receiver for it, or let `alerts.ping` be missed elsewhere.',
      },
      {
        alert: 'ConfigurationNotLoaded',
        expr: 'min(prometheus_config_last_reload_successful{job="prometheus"}) == 0',
        for: '5m',
        severity: 'warning',
        kind: 'prometheus-config',
        summary: 'Prometheus goes on with an old configuration',
        description: 'The newest one has a mistake: `promtool check config` says which.',
      },
    ],
  }
}

/** What had answered within a week, and does not. */
const gone = (over: string, series: string, match: string): string =>
  `${over} (${series}) == 0\nand ${match} ${over} (max_over_time(${series}[7d])) == 1`

export const rulesFile = (lab: LabView): string =>
  yamlText(
    [
      'homelab-rules.yml, by `homelab monitoring rules` from homelab.yaml: change that file, and make this one anew.',
      'The labels say what an alert is about (service, vmid, node, storage, plan), and `kind` what of it is wrong:',
      'alerts of any source about the same are one incident in homelab.',
    ],
    { groups: ruleGroups(lab).map(groupNode) },
  )
