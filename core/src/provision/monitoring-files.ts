/** The files of one service as Prometheus reads them. Pure. */
import { text as verbatimText } from '../monitoring/files/rule.ts'
import { hostPort } from '../monitoring/files/view.ts'
import { yamlText } from '../monitoring/files/yaml.ts'

/** Where Prometheus finds the metrics of a service. */
export interface ScrapeTarget {
  /** Host name or IP address. */
  readonly address: string
  readonly port: number
  /** Default /metrics. */
  readonly path?: string
  /** Default http. */
  readonly scheme?: 'http' | 'https'
}

/** As blueprints have them. */
export interface AlertRule {
  readonly alert: string
  readonly expr: string
  /** How long it must be so: `5m`. */
  readonly for: string
  readonly severity: 'critical' | 'warning' | 'info'
  /** May be a template of Prometheus. */
  readonly summary: string
}

const header = (service: string): readonly string[] => [
  `Made by homelab for ${service}, and taken away with it.`,
]

/** A list for file_sd_configs. */
export const targetsText = (
  service: string,
  targets: readonly ScrapeTarget[],
  labels: Readonly<Record<string, string>>,
): string =>
  yamlText(
    header(service),
    targets.map(({ address, port, path = '/metrics', scheme = 'http' }) => ({
      targets: [hostPort(address, port)],
      labels: { ...labels, __scheme__: scheme, __metrics_path__: path },
    })),
  )

/** One group, with the labels by which alerts become incidents of the service. */
export const rulesText = (service: string, rules: readonly AlertRule[]): string =>
  yamlText(header(service), {
    groups: [
      {
        name: `homelab-${service}`,
        rules: rules.map((rule) => ({
          alert: rule.alert,
          expr: rule.expr,
          for: rule.for,
          labels: { service: verbatimText(service), severity: rule.severity, kind: kindOf(rule.alert) },
          annotations: { summary: rule.summary },
        })),
      },
    ],
  })

/** `JellyfinTooManyStreams` → `jellyfin-too-many-streams`. */
const kindOf = (alert: string): string =>
  alert.replaceAll(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '-').toLowerCase()
