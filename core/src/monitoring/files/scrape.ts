/** prometheus.yml, and the lists of what it asks. */
import type { AlertSourceEntry } from '../../inventory/schema.ts'
import { hostIn, hostPort, type LabView, type ServiceView, type Target } from './view.ts'
import { inline, noted, yamlText } from './yaml.ts'

export const files = {
  prometheus: 'prometheus.yml',
  services: 'homelab-services.yml',
  routes: 'homelab-routes.yml',
  nodes: 'homelab-nodes.yml',
  rules: 'homelab-rules.yml',
  blackbox: 'blackbox.yml',
  alertmanager: 'alertmanager.yml',
} as const

/** Beside the files, with what must not stand in them. */
export const secretFiles = {
  metrics: 'homelab-metrics.token',
  alerts: 'homelab-alerts.secret',
  alertmanager: 'alertmanager.password',
  authority: 'alertmanager-ca.pem',
} as const

const defaultAlertmanager = 'http://127.0.0.1:9093'

export const alertmanagerIn = ({ inventory }: LabView): AlertSourceEntry | undefined =>
  inventory.alerts.sources.find(({ kind }) => kind === 'alertmanager')

const through = (blackbox: string) => [
  { source_labels: inline('__address__'), target_label: '__param_target' },
  { source_labels: inline('__param_target'), target_label: 'instance' },
  { source_labels: inline('module'), target_label: '__param_module' },
  { regex: 'module', action: 'labeldrop' },
  { target_label: '__address__', replacement: blackbox },
]

export function prometheusFile(lab: LabView): string {
  const list = (file: string) => [{ files: inline(file) }]
  const { pve, traefik, cloudflared, metrics, blackbox } = lab
  const endpoint = lab.inventory.proxmox?.endpoints[0]
  const { targets, rules } = lab.inventory.monitoring.prometheus ?? {}
  const fixed = (target: string, labels?: Record<string, string>) => [
    { targets: inline(target), ...(labels === undefined ? {} : { labels }) },
  ]
  const jobs = [
    noted('Prometheus itself: whether it reads what is written here.', {
      job_name: 'prometheus',
      static_configs: fixed('localhost:9090'),
    }),
    noted(
      metrics.loopback
        ? 'homelab: backups, incidents, runs. It listens on its own machine only: from another one, set\nmonitoring.metrics with `listen` and `token` in homelab.yaml.'
        : 'homelab: backups, incidents, runs.',
      {
        job_name: 'homelab',
        ...(metrics.authorized
          ? { authorization: { type: 'Bearer', credentials_file: secretFiles.metrics } }
          : {}),
        static_configs: fixed(metrics.address),
      },
    ),
    noted('node_exporter on the nodes: memory, load, clock, folders, RAID, and the disks by smartmon.', {
      job_name: 'nodes',
      file_sd_configs: list(files.nodes),
    }),
    noted(
      'Each service by what `status` asks it, too. The blackbox exporter asks, with its modules in blackbox.yml.',
      {
        job_name: 'services',
        metrics_path: '/probe',
        file_sd_configs: list(files.services),
        relabel_configs: through(blackbox),
      },
    ),
    noted('What people open: through the tunnel, with its certificate.', {
      job_name: 'routes',
      metrics_path: '/probe',
      scrape_interval: '1m',
      file_sd_configs: list(files.routes),
      relabel_configs: through(blackbox),
    }),
    ...(pve === undefined || endpoint === undefined
      ? []
      : [
          noted('prometheus-pve-exporter: guests and storages as Proxmox sees them.', {
            job_name: 'pve',
            metrics_path: '/pve',
            params: {
              target: inline(hostIn(endpoint)),
              module: inline('default'),
              cluster: inline('1'),
              node: inline('1'),
            },
            static_configs: fixed(pve),
          }),
        ]),
    ...(traefik === undefined
      ? []
      : [
          noted('Traefik, once `metrics: { prometheus: {} }` is in its static configuration.', {
            job_name: 'traefik',
            static_configs: fixed(traefik),
          }),
        ]),
    ...(cloudflared === undefined
      ? []
      : [
          noted('The connector of the tunnel.', {
            job_name: 'cloudflared',
            static_configs: fixed(cloudflared.target, { service: cloudflared.service }),
          }),
        ]),
    ...(targets === undefined
      ? []
      : [
          noted('What `provision` has made: a file each.', {
            job_name: 'provisioned',
            file_sd_configs: list(allOf(targets)),
          }),
        ]),
  ]
  return yamlText(
    [
      'prometheus.yml, by `homelab monitoring rules` from homelab.yaml. All files that it names are looked for beside it.',
      'Where there is one already, copy the jobs that it lacks and the line of rule_files, and keep the rest of it.',
    ],
    {
      global: noted('Alerts are as old as this when they are seen at the earliest.', {
        scrape_interval: '30s',
        scrape_timeout: '10s',
        evaluation_interval: '30s',
      }),
      rule_files: [files.rules, ...(rules === undefined ? [] : [allOf(rules)])],
      alerting: { alertmanagers: [alertmanagerOf(alertmanagerIn(lab))] },
      scrape_configs: jobs,
    },
  )
}

/** The files of a folder, as Prometheus looks for them. */
const allOf = (folder: string): string => `${folder.replace(/\/+$/, '')}/*.yml`

function alertmanagerOf(source: AlertSourceEntry | undefined) {
  const { protocol, hostname, port, pathname } = new URL(source?.url ?? defaultAlertmanager)
  const host = hostname.replace(/^\[|\]$/g, '')
  const secure = protocol === 'https:'
  const target = hostPort(host, port === '' ? (secure ? 443 : 80) : Number(port))
  const own = source?.ca !== undefined || source?.fingerprint !== undefined
  return {
    ...(secure ? { scheme: 'https' } : {}),
    ...(pathname === '/' ? {} : { path_prefix: pathname }),
    ...(source?.login === undefined
      ? {}
      : { basic_auth: { username: source.login.user, password_file: secretFiles.alertmanager } }),
    ...(source?.token === undefined
      ? {}
      : { authorization: { type: 'Bearer', credentials_file: secretFiles.alertmanager } }),
    ...(own ? { tls_config: { ca_file: secretFiles.authority } } : {}),
    static_configs: [{ targets: inline(target) }],
  }
}

const listFile = (what: readonly string[], targets: readonly Target[]): string =>
  targets.length === 0
    ? `${what.map((line) => `# ${line}`).join('\n')}\n\n[]\n`
    : yamlText(
        what,
        targets.map(({ target, labels }) => ({ targets: inline(target), labels })),
      )

const about = ({ entry, guest }: ServiceView): Record<string, string> => ({
  service: entry.name,
  stack: entry.stack,
  ...(guest === undefined ? {} : { vmid: String(guest.vmid) }),
})

export const servicesFile = (lab: LabView): string =>
  listFile(
    ['homelab-services.yml: the services of homelab.yaml by what they are asked, for the job "services".'],
    lab.services.flatMap((service) =>
      service.probe === undefined
        ? []
        : [
            {
              target: service.probe.target,
              labels: {
                ...about(service),
                module: service.probe.via === 'http' ? 'homelab_http' : 'homelab_tcp',
              },
            },
          ],
    ),
  )

export const routesFile = (lab: LabView): string =>
  listFile(
    ['homelab-routes.yml: the host names of homelab.yaml, for the job "routes".'],
    lab.inventory.network.routes.map(({ hostname, service }) => {
      const found = lab.services.find(({ entry }) => entry.name.toLowerCase() === service.toLowerCase())
      return {
        target: `https://${hostname}/`,
        labels: {
          ...(found === undefined ? { service } : about(found)),
          hostname,
          module: 'homelab_public',
        },
      }
    }),
  )

export const nodesFile = (lab: LabView): string =>
  listFile(
    ['homelab-nodes.yml: the nodes, for the job "nodes".'],
    lab.nodes.flatMap(({ name, address }) =>
      address === undefined ? [] : [{ target: hostPort(address, lab.nodePort), labels: { node: name } }],
    ),
  )

/** What `status` takes for alive: whatever answers, and not with an error of its own. */
const alive = [200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 304, 307, 308].concat([
  400, 401, 402, 403, 404, 405, 406, 409, 410, 421, 426, 429,
])

export const blackboxFile = (): string =>
  yamlText(
    [
      'blackbox.yml, by `homelab monitoring rules`: how the blackbox exporter asks.',
      'These modules are named in homelab-services.yml and homelab-routes.yml.',
    ],
    {
      modules: {
        homelab_http: noted(
          'In the lab: its services sign their own certificates. A refusal (401, 403) is an answer, and a redirect is not followed.',
          {
            prober: 'http',
            timeout: '8s',
            http: {
              valid_status_codes: inline(...alive),
              follow_redirects: false,
              tls_config: { insecure_skip_verify: true },
            },
          },
        ),
        homelab_tcp: { prober: 'tcp', timeout: '5s' },
        homelab_public: noted(
          'From outside: the certificate counts. The login page of Cloudflare Access is a redirect.',
          {
            prober: 'http',
            timeout: '9s',
            http: {
              valid_status_codes: inline(...alive),
              follow_redirects: false,
              fail_if_not_ssl: true,
            },
          },
        ),
      },
    },
  )
