import type { OperationOverride, Overrides } from '../../src/overrides.ts'
import { pictureProperties } from '../../src/picture-fields.ts'

const seconds = { displayName: 'Timeout (Seconds)' }
const run = { run: { description: 'ID of the run, or its first letters' } }
const repository = { repository: { example: 'b2' } }

const service: Readonly<Record<string, OperationOverride>> = {
  'service.restart': { action: 'Restart services', fields: { timeout: seconds } },
  'service.start': { action: 'Start services' },
  'service.stop': { action: 'Stop services', fields: { timeout: seconds } },
  'service.shutdown': { action: 'Shut services down', fields: { timeout: seconds } },
  'service.logs': {
    name: 'Get Logs',
    action: 'Get the logs of a service',
    fields: { since: { example: '2h' }, grep: { displayName: 'Contains', example: 'error' } },
  },
  'service.provision': {
    name: 'Provision',
    action: 'Provision a service from a blueprint',
    fields: {
      name: { example: 'films', prominent: true },
      memory: { displayName: 'Memory (MiB)' },
      disk: { displayName: 'Disk (GiB)' },
      ip: { displayName: 'Address', example: '192.168.1.150/24' },
      gateway: { example: '192.168.1.1' },
      gpu: { displayName: 'GPU', description: 'Give it the GPU of its blueprint' },
      vmid: { displayName: 'VMID' },
      hostname: { displayName: 'Host Name', example: 'films.example.com' },
    },
  },
  'service.deprovision': {
    action: 'Take a service away for good',
    fields: {
      confirm: {
        displayName: 'Confirm by Name',
        example: 'jellyfin',
        description: 'Name of the service once more. It cannot be undone.',
      },
    },
  },
  'blueprint.list': { name: 'Get Many', action: 'Get many blueprints', records: 'blueprints' },
}

const updates: Readonly<Record<string, OperationOverride>> = {
  'update.check': { action: 'Check what waits for an update', records: 'guests' },
  'update.run': {
    action: 'Update a service',
    fields: {
      only: { displayName: 'What' },
      secure: { displayName: 'Secure By' },
      minutes: { displayName: 'Time Limit (Minutes)' },
      health: { displayName: 'Answer Within (Seconds)' },
    },
  },
}

const k3s: Readonly<Record<string, OperationOverride>> = {
  'k3s.status': { name: 'Get Status', action: 'Get deployments and pods that are not well' },
  'k3s.restart': { action: 'Restart a deployment' },
  'k3s.logs': { name: 'Get Logs', action: 'Get the log of a pod' },
}

const backup: Readonly<Record<string, OperationOverride>> = {
  'backup.status': {
    name: 'Get Status',
    action: 'Get the status of all backups',
    records: 'plans',
  },
  'backup.plans': { name: 'Get Many Plans', action: 'Get many backup plans', records: 'plans' },
  'backup.list': { name: 'Get Many', action: 'Get many backups of a plan', records: 'snapshots' },
  'backup.show': { name: 'Get', action: 'Get a backup' },
  'backup.run': { action: 'Run a backup plan', fields: repository },
  'backup.verify': { action: 'Verify the backups of a plan', fields: repository },
  'backup.drill': { action: 'Drill the restore of a plan', fields: repository },
  'backup.prune': { action: 'Prune the backups of a plan' },
  'backup.restore': { action: 'Restore a backup' },
  'backup.find': {
    name: 'Find Files',
    action: 'Find files in the backups of a plan',
    records: 'files',
    fields: { name: { example: '*.heic' }, ...repository },
  },
  'backup.coverage': { name: 'Get Coverage', action: 'Get what is in no backup' },
  'backup.stats': { name: 'Get Stats', action: 'Get the sizes of repositories' },
  'backup.diff': { name: 'Compare', action: 'Compare two backups of a plan' },
  'backup.unlock': { action: 'Unlock a repository' },
  'backup.kit': { name: 'Get Recovery Kit', action: 'Get the recovery kit' },
}

const network: Readonly<Record<string, OperationOverride>> = {
  'tunnel.status': { name: 'Get Status', action: 'Get the status of the tunnel' },
  'tunnel.routes': { name: 'Get Routes', action: 'Get what goes through the tunnel', records: 'rows' },
  'tunnel.expose': {
    action: 'Expose a service',
    fields: { hostname: { displayName: 'Host Name' }, down: { displayName: 'Although Down' } },
  },
  'tunnel.unexpose': { action: 'Take a service back from the internet' },
  'tunnel.drift': { name: 'Find Drift', action: 'Find drift of what is exposed', records: 'rows' },
  'tunnel.fix': {
    action: 'Fix a row of the drift',
    fields: { row: { description: 'As Find Drift gives it, or its host name' } },
  },
  'tunnel.rotate': { name: 'Rotate Secret', action: 'Rotate the secret of the tunnel' },
  'route.list': { name: 'Get Many', action: 'Get many routes', records: 'routes' },
  'route.show': { name: 'Get', action: 'Get a route' },
  'dns.list': { name: 'Get Many', action: 'Get many DNS records', records: 'records' },
}

const until = { for: { example: '4h' } }

const alerts: Readonly<Record<string, OperationOverride>> = {
  'alert.list': {
    name: 'Get Many',
    action: 'Get many incidents',
    records: 'incidents',
    // As many as there can be: Return All and Limit stand for it.
    fixed: { count: 200 },
  },
  'alert.show': { name: 'Get', action: 'Get an incident' },
  'alert.ack': { name: 'Acknowledge', action: 'Acknowledge an incident' },
  'alert.silence': { action: 'Silence an incident', fields: until },
  'alert.unsilence': { name: 'End Silence', action: 'End the silence of an incident' },
  'alert.resolve': { action: 'Resolve an incident' },
  'maintenance.start': {
    action: 'Start maintenance',
    fields: { for: { example: '2h', prominent: true }, why: { example: 'a new disk' } },
  },
  'maintenance.stop': {
    action: 'Stop maintenance',
    fields: { maintenance: { description: 'Its ID, or what it covers. Default: the only one.' } },
  },
  'maintenance.list': { name: 'Get Many', action: 'Get all maintenance', records: 'maintenances' },
}

const rest: Readonly<Record<string, OperationOverride>> = {
  'lab.status': {
    name: 'Get Status',
    action: 'Get the status of the lab',
    fields: { stack: { example: 'media' } },
  },
  'lab.digest': {
    name: 'Get Digest',
    action: 'Get what happened and what waits',
    fields: { since: { example: '7d' } },
  },
  'graph.show': {
    name: 'Get',
    action: 'Get a graph',
    description: 'What a service, a node or a storage used over time, as numbers and as a picture',
    picture: true,
    own: pictureProperties,
    fields: {
      target: { description: 'A service or guest; or the name of a node or storage' },
      words: { displayName: 'What and How Far Back', example: 'cpu 24h', prominent: true },
    },
  },
  'run.list': { name: 'Get Many', action: 'Get many runs', records: 'runs' },
  'run.show': {
    name: 'Get',
    action: 'Get a run',
    description: 'How far a run is or how it ended, and its log',
    fields: run,
  },
  'run.cancel': { action: 'Cancel a run', fields: run },
  'schedule.list': { name: 'Get Many', action: 'Get many schedules', records: 'schedules' },
  'schedule.run': { name: 'Run Now', action: 'Run a schedule now' },
  'schedule.pause': { action: 'Pause a schedule' },
  'schedule.resume': { action: 'Resume a schedule' },
  'storage.list': { name: 'Get Many', action: 'Get many storages', records: 'storages' },
  'storage.show': {
    name: 'Get',
    action: 'Get a storage',
    fields: { storage: { description: 'As the file or Proxmox calls it' } },
  },
  'approval.list': { name: 'Get Many', action: 'Get many open approvals', records: 'approvals' },
  'audit.list': {
    name: 'Get Many',
    action: 'Get many entries of the audit log',
    records: 'entries',
    fields: { text: { description: 'Only entries with this text: a name, a service, the ID of a run' } },
  },
  'audit.show': {
    name: 'Get',
    action: 'Get an entry of the audit log',
    description: 'One entry whole: who, where, the plan, the approval, the run and its hash',
  },
  'audit.verify': { action: 'Verify the audit log' },
  'audit.export': { action: 'Export the audit log' },
}

export const overrides: Overrides = {
  resources: { audit: 'Audit Log', dns: 'DNS Record', k3s: 'K3s Cluster' },
  operations: { ...service, ...updates, ...k3s, ...backup, ...network, ...alerts, ...rest },
}
