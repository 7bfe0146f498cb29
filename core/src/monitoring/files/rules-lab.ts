/** Alert rules for services, routes, guests and nodes. */
import { having } from './promql.ts'
import { type Group, pascal, type Rule, text } from './rule.ts'
import type { LabView, ServiceView } from './view.ts'

export function serviceRules(lab: LabView): Group {
  const rules = lab.services.flatMap((service) => downRule(service, lab) ?? [])
  const blind = lab.services.filter((service) => downRule(service, lab) === undefined)
  const without = blind.map(({ entry, why }) => `${entry.name}: ${why ?? 'nothing measures it'}`)
  return {
    name: 'homelab-services',
    comment: [
      'Each service of homelab.yaml. Critical is what others need, the stack core, and the way in; the rest can wait for the morning.',
      ...(without.length === 0 ? [] : ['Not watched here, but by the bot itself:', ...without]),
    ].join('\n'),
    rules,
  }
}

/** @returns undefined when Prometheus has nothing of it */
function downRule(service: ServiceView, { pve, cloudflared }: LabView): Rule | undefined {
  const { entry, guest, id, probe, needed } = service
  const asked =
    probe === undefined ? [] : [`min(probe_success${having({ job: 'services', service: entry.name })}) == 0`]
  const running = pve === undefined || id === undefined ? [] : [`min(pve_up${having({ id })}) == 0`]
  const tunnel =
    cloudflared?.service.toLowerCase() === entry.name.toLowerCase()
      ? ['max(cloudflared_tunnel_ha_connections{job="cloudflared"}) == 0', 'max(up{job="cloudflared"}) == 0']
      : []
  const ways = [...asked, ...running, ...tunnel]
  if (ways.length === 0) return undefined
  const where =
    guest === undefined ? '' : ` (${guest.type === 'lxc' ? 'CT' : 'VM'} ${guest.vmid} on ${guest.node})`
  return {
    alert: `${pascal(entry.name)}Down`,
    expr: ways.join('\nor '),
    for: '2m',
    severity: needed || entry.stack.toLowerCase() === 'core' ? 'critical' : 'warning',
    kind: 'down',
    labels: {
      service: entry.name,
      stack: entry.stack,
      ...(guest === undefined ? {} : { vmid: String(guest.vmid), node: guest.node }),
    },
    summary: `${text(entry.title)} does not answer`,
    description: `${text(entry.title + where)} has not answered for 2 minutes${running.length > 0 ? ', or its guest does not run' : ''}.`,
  }
}

export function routeRules({ inventory }: LabView): Group | undefined {
  if (inventory.network.routes.length === 0) return undefined
  const route = (query: string) => `(service, hostname) (${query})`
  return {
    name: 'homelab-routes',
    comment: 'What people open, as it is from outside.',
    rules: [
      {
        alert: 'RouteDown',
        expr: `min by ${route('probe_success{job="routes"}')} == 0\nunless on (service) min by (service) (probe_success{job="services"}) == 0`,
        for: '5m',
        severity: 'warning',
        kind: 'route',
        summary: '{{ $labels.hostname }} cannot be reached',
        description:
          'It answers in the lab, if it is asked there, and not by its host name: the tunnel, Traefik, DNS, or the certificate.',
        comment: 'A service that is down says so itself.',
      },
      {
        alert: 'CertificateExpiresSoon',
        expr: `min by ${route('probe_ssl_earliest_cert_expiry{job="routes"}')} - time() < 14 * 86400`,
        for: '1h',
        severity: 'warning',
        kind: 'certificate',
        summary: 'The certificate of {{ $labels.hostname }} expires in {{ $value | humanizeDuration }}',
        description: 'Certificates are renewed a month before their end: somebody has not done it.',
        comment: 'Renewals have had two weeks by then.',
      },
      {
        alert: 'CertificateExpires',
        expr: `min by ${route('probe_ssl_earliest_cert_expiry{job="routes"}')} - time() < 3 * 86400`,
        for: '10m',
        severity: 'critical',
        kind: 'certificate',
        summary: 'The certificate of {{ $labels.hostname }} expires in {{ $value | humanizeDuration }}',
        description: 'From then on browsers and phone apps refuse it.',
      },
    ],
  }
}

export function traefikRules({ traefik, inventory }: LabView): Group | undefined {
  if (traefik === undefined) return undefined
  return {
    name: 'homelab-traefik',
    comment: "Traefik's own certificates, when it has any.",
    rules: [
      {
        alert: 'TraefikCertificateExpiresSoon',
        expr: 'min by (cn) (traefik_tls_certs_not_after{job="traefik"}) - time() < 14 * 86400',
        for: '1h',
        severity: 'warning',
        kind: 'certificate',
        labels: { service: inventory.network.traefik.service },
        summary: 'A certificate of Traefik expires in {{ $value | humanizeDuration }}',
        description:
          'It is for {{ $labels.cn }}. Traefik renews 30 days before the end: its log says why it cannot.',
      },
    ],
  }
}

/** Of the exporter of Proxmox: guests that are no service of the file. */
export function guestRules({ pve, services }: LabView): Group | undefined {
  if (pve === undefined) return undefined
  const known = services.flatMap(({ id }) => (id === undefined ? [] : [id]))
  const rest = known.length === 0 ? '' : `\nunless on (id) pve_up{id=~"${known.join('|')}"}`
  return {
    name: 'homelab-guests',
    comment: 'Guests that are no service in homelab.yaml, when Proxmox starts them with the node.',
    rules: [
      {
        alert: 'GuestDown',
        expr: `max by (id) (pve_up{id=~"(lxc|qemu)/.+"}) == 0\nand on (id) max by (id) (pve_onboot_status) == 1${rest}`,
        for: '5m',
        severity: 'warning',
        kind: 'down',
        summary: '{{ $labels.id }} does not run',
        description: 'Proxmox starts it with the node, and it has not run for 5 minutes.',
      },
    ],
  }
}

export function nodeRules({ pve }: LabView): Group {
  const asProxmoxSays =
    pve === undefined
      ? ''
      : '\nor max by (node) (label_replace(pve_up{id=~"node/.+"}, "node", "$1", "id", "node/(.+)")) == 0'
  return {
    name: 'homelab-nodes',
    comment:
      'The nodes, by node_exporter. A node that is down takes its services with it: homelab folds them beneath it.',
    rules: [
      {
        alert: 'NodeDown',
        expr: `max by (node) (up{job="nodes"}) == 0\nand on (node) max by (node) (max_over_time(up{job="nodes"}[7d])) == 1${asProxmoxSays}`,
        for: '2m',
        severity: 'critical',
        kind: 'down',
        summary: 'The node {{ $labels.node }} does not answer',
        description:
          'node_exporter on it has not answered for 2 minutes, or Proxmox says that it is offline.',
      },
      {
        alert: 'NodeMemory',
        expr: 'max by (node) (1 - node_memory_MemAvailable_bytes{job="nodes"} / node_memory_MemTotal_bytes{job="nodes"}) > 0.92',
        for: '15m',
        severity: 'warning',
        kind: 'memory',
        summary: '{{ $value | humanizePercentage }} of the memory of {{ $labels.node }} is used',
        description: 'With nothing left the kernel ends guests.',
        comment:
          'What the ARC of ZFS holds counts as used, though it would give it back: raise this where ZFS may take half.',
      },
      {
        alert: 'NodeLoad',
        expr: 'max by (node) (node_load15{job="nodes"})\n/ on (node) count by (node) (node_cpu_seconds_total{job="nodes",mode="idle"}) > 2',
        for: '30m',
        severity: 'warning',
        kind: 'load',
        summary: '{{ $labels.node }} is overloaded: {{ $value | humanize }} waiting for each core',
        description: 'For half an hour and longer. Waiting for disks counts, too.',
      },
      {
        alert: 'NodeClock',
        expr: 'max by (node) (abs(timestamp(node_time_seconds{job="nodes"}) - node_time_seconds{job="nodes"})) > 30\nor max by (node) (abs(node_timex_offset_seconds{job="nodes"})) > 0.5',
        for: '10m',
        severity: 'warning',
        kind: 'clock',
        summary: 'The clock of {{ $labels.node }} is wrong by {{ $value | humanizeDuration }}',
        description:
          'Logins by certificate and time codes fail, and a backup of the future hides the ones after it.',
        comment: "By the clock of Prometheus' own machine, and by the node's own time server.",
      },
      {
        alert: 'NodeRootFull',
        expr: `max by (node) (1 - node_filesystem_avail_bytes{job="nodes",mountpoint="/",fstype!="rootfs"}\n/ node_filesystem_size_bytes{job="nodes",mountpoint="/",fstype!="rootfs"}) > 0.9`,
        for: '15m',
        severity: 'critical',
        kind: 'root-full',
        summary: 'The system disk of {{ $labels.node }} is {{ $value | humanizePercentage }} full',
        description: 'When it is full, Proxmox cannot start guests and cannot even write its configuration.',
      },
    ],
  }
}
