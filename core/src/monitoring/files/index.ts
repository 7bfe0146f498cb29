/** The files of Prometheus, its blackbox exporter and Alertmanager for a lab. Pure: they hold no secret, and name where one is. */
import type { Inventory } from '../../inventory/schema.ts'
import { alertmanagerFile } from './alertmanager.ts'
import { rulesFile } from './rules.ts'
import {
  alertmanagerIn,
  blackboxFile,
  files,
  nodesFile,
  prometheusFile,
  routesFile,
  secretFiles,
  servicesFile,
} from './scrape.ts'
import { type LabView, type Seen, viewOf } from './view.ts'

export interface MonitoringFile {
  /** A name: all of them belong into one folder. */
  readonly path: string
  readonly text: string
}

export interface MonitoringFiles {
  readonly files: readonly MonitoringFile[]
  /** What is missing, or must be done by hand. */
  readonly notes: readonly string[]
}

export function monitoringFiles(inventory: Inventory, seen: Seen): MonitoringFiles {
  const lab = viewOf(inventory, seen)
  return {
    files: [
      { path: files.prometheus, text: prometheusFile(lab) },
      { path: files.services, text: servicesFile(lab) },
      { path: files.routes, text: routesFile(lab) },
      { path: files.nodes, text: nodesFile(lab) },
      { path: files.rules, text: rulesFile(lab) },
      { path: files.blackbox, text: blackboxFile() },
      { path: files.alertmanager, text: alertmanagerFile(lab) },
    ],
    notes: notesOn(lab),
  }
}

function notesOn(lab: LabView): readonly string[] {
  const source = alertmanagerIn(lab)
  return [
    ...lab.services.flatMap(({ entry, why }) =>
      why === undefined ? [] : [`${entry.name} is not asked: ${why}`],
    ),
    ...lab.nodes.flatMap(({ name, address }) =>
      address === undefined ? [`The node ${name} is not asked: give it proxmox.ssh.${name}.host`] : [],
    ),
    ...(source === undefined
      ? ['homelab.yaml has no alerts.sources.alertmanager yet: what it sends would be refused']
      : []),
    ...(lab.alerts.loopback ? ['Alertmanager must run beside homelab, or alerts.listen must be set'] : []),
    ...(lab.metrics.loopback
      ? ['Prometheus must run beside homelab, or monitoring.metrics must be set']
      : []),
    `To be made by hand: ${[
      secretFiles.alerts,
      ...(lab.metrics.authorized ? [secretFiles.metrics] : []),
      ...(source?.login === undefined && source?.token === undefined ? [] : [secretFiles.alertmanager]),
      ...(source?.ca === undefined && source?.fingerprint === undefined ? [] : [secretFiles.authority]),
    ].join(', ')}`,
  ]
}

export { files as monitoringFileNames, secretFiles as monitoringSecretFiles } from './scrape.ts'
export type { Seen } from './view.ts'
