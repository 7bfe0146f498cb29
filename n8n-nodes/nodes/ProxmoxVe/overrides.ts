import type { Json } from '@homelab/core'
import type { OperationOverride, Overrides } from '../../src/overrides.ts'

type Output = Readonly<Record<string, Json>>

const warned =
  (done: string) =>
  ({ outcome, name, upid }: Output): string | undefined =>
    outcome === 'warnings' ? `${name} was ${done}, but its task ended with warnings: ${upid}` : undefined

/** Its health check is in the homelab file, which this node does not have. */
const wait = { hidden: true }
const seconds = { displayName: 'Timeout (Seconds)' }
const upid = { example: 'UPID:pve:0003A1B2:…', description: 'As other operations return it' }
const snapshotName = { name: { displayName: 'Snapshot', example: 'before-upgrade' } }

const guest: Readonly<Record<string, OperationOverride>> = {
  'guest.list': {
    name: 'Get Many',
    action: 'Get many guests',
    records: 'guests',
    simple: ['vmid', 'name', 'type', 'node', 'status', 'lock', 'tags', 'uptime', 'cpu', 'mem'],
    fields: { name: { example: 'plex' }, node: { example: 'pve' } },
  },
  'guest.show': {
    name: 'Get',
    action: 'Get a guest',
    description: 'State, addresses and configuration of one container or VM',
  },
  'guest.start': { leavable: true, warning: warned('started'), fields: { wait } },
  'guest.stop': { leavable: true, mayAsk: true, warning: warned('stopped') },
  'guest.shutdown': {
    leavable: true,
    mayAsk: true,
    warning: warned('shut down'),
    fields: { timeout: seconds },
  },
  'guest.restart': {
    action: 'Restart a guest',
    // With force it is a stop and a start: left between them, it would stay down.
    leavable: ({ force }) => force !== true,
    // With force.
    mayAsk: true,
    warning: warned('restarted'),
    fields: { wait, timeout: seconds },
  },
  'guest.create': {
    name: 'Create From Template',
    action: 'Create a container from a template',
    leavable: ({ start }) => start !== true,
    fields: {
      hostname: { displayName: 'Host Name', example: 'web' },
      template: { example: 'debian-12', description: 'Its volume ID, or a part of its name' },
      size: { displayName: 'Disk (GiB)', prominent: true },
      memory: { displayName: 'Memory (MiB)', prominent: true },
      swap: { displayName: 'Swap (MiB)' },
      net: { displayName: 'Network' },
      storage: { prominent: true, example: 'tesla' },
      // What is typed into a node stands in its workflow: SSH keys are no secret.
      password: { hidden: true },
    },
  },
  'guest.clone': {
    action: 'Clone a guest',
    leavable: ({ start }) => start !== true,
    fields: {
      name: { displayName: 'New Name', prominent: true, example: 'plex-test' },
      vmid: { displayName: 'New VMID' },
      snapshot: { example: 'before-upgrade' },
    },
  },
  'guest.set': {
    name: 'Update',
    action: 'Update the configuration of a guest',
    // To switch its protection off.
    mayAsk: true,
    fields: {
      memory: { displayName: 'Memory (MiB)' },
      swap: { displayName: 'Swap (MiB)' },
      onboot: { displayName: 'Start on Boot' },
    },
  },
  'guest.resize': {
    name: 'Resize Disk',
    action: 'Resize a disk of a guest',
    // No disk is ever made smaller again.
    mayAsk: true,
    fields: { size: { example: '+8G' }, disk: { example: 'rootfs' } },
  },
  'guest.migrate': {
    action: 'Migrate a guest to another node',
    // A running container is down meanwhile.
    mayAsk: true,
    fields: { node: { displayName: 'Target Node', example: 'pve2' }, storage: { example: 'tesla' } },
    warning: ({ healthy, name, node }) =>
      healthy === false ? `${name} runs on ${node}, but does not answer its health check` : undefined,
  },
  'guest.delete': {
    action: 'Delete a guest',
    // With a stop before it, it is two changes.
    leavable: ({ stop }) => stop !== true,
    fields: {
      confirm: {
        displayName: 'Confirm by Name',
        example: 'plex-test',
        description: 'Name or VMID of the guest once more. It cannot be undone.',
      },
    },
  },
  'guest.exec': {
    name: 'Run Command',
    action: 'Run a command in a container',
    description:
      'As its root, over SSH. The SSH credential says in which guests; a command is never sent twice.',
    ssh: true,
    fields: { timeout: seconds },
  },
}

/** Whole guests, as Proxmox itself saves them. */
const backup: Readonly<Record<string, OperationOverride>> = {
  'guest.backup': {
    resource: 'backup',
    verb: 'create',
    name: 'Create',
    action: 'Create a backup of a guest',
    description: 'Saves one container or VM by vzdump and waits until the archive is there',
    leavable: true,
    fields: { storage: { prominent: true, example: 'local' } },
    warning: ({ excluded, name }) =>
      Array.isArray(excluded) && excluded.length > 0
        ? `The archive of ${name} has not all of it: ${excluded.length} mount points are left out`
        : undefined,
  },
  'archive.list': {
    resource: 'backup',
    verb: 'list',
    name: 'Get Many',
    action: 'Get many backups',
    records: 'archives',
    fields: { guest: { example: 'plex' }, vmid: { displayName: 'VMID' }, storage: { example: 'local' } },
    warning: ({ problems }) =>
      Array.isArray(problems) && problems.length > 0
        ? `${problems.length} storages could not be read: the list may not be whole`
        : undefined,
  },
  'guest.restore': {
    resource: 'backup',
    verb: 'restore',
    action: 'Restore a guest from its backup',
    leavable: ({ inplace }) => inplace !== true,
    fields: {
      vmid: { displayName: 'New VMID' },
      inplace: { displayName: 'In Place' },
      archive: { example: 'vzdump-lxc-110-2026_11_25' },
    },
  },
  'guest.drill': {
    resource: 'backup',
    verb: 'drill',
    name: 'Drill',
    action: 'Try whether the backup of a guest restores',
    description:
      'Restores the newest backup as another guest without a network, starts it, looks, and destroys it. The node waits for all of it: none of these steps may be left undone.',
  },
  'archive.delete': {
    resource: 'backup',
    verb: 'delete',
    action: 'Delete a backup',
    leavable: true,
    fields: {
      archive: {
        displayName: 'Backup',
        example: 'local:backup/vzdump-lxc-110-….tar.zst',
        description: 'Its volume ID or its whole name',
      },
    },
  },
}

const snapshot: Readonly<Record<string, OperationOverride>> = {
  'snapshot.list': {
    name: 'Get Many',
    action: 'Get many snapshots',
    records: 'snapshots',
  },
  'snapshot.create': {
    action: 'Create a snapshot',
    leavable: true,
    warning: ({ warnings, guest: name, upid: task }) =>
      warnings === true
        ? `The snapshot of ${name} is there, but its task ended with warnings: ${task}`
        : undefined,
    fields: {
      ...snapshotName,
      vmstate: {
        displayName: 'With Memory',
        description: 'Save the memory of a running VM, to go on from there',
      },
    },
  },
  'snapshot.rollback': {
    name: 'Roll Back',
    action: 'Roll back to a snapshot',
    fields: {
      ...snapshotName,
      wait,
      start: { description: 'Start it afterwards. Not given: when it runs now.' },
    },
  },
  'snapshot.delete': { action: 'Delete a snapshot', leavable: true, fields: snapshotName },
}

/** What the cluster does with guests by itself. */
const kept: Readonly<Record<string, OperationOverride>> = {
  'cluster.status': {
    name: 'Get Status',
    action: 'Get the status of the cluster',
  },
  'ha.status': { name: 'Get Status', action: 'Get the status of HA' },
  'ha.add': { action: 'Let HA look after a guest', mayAsk: true },
  'ha.set': { name: 'Set State', action: 'Change what HA keeps a guest in', mayAsk: true },
  'ha.remove': { action: 'Take a guest out of HA' },
  'replication.status': {
    name: 'Get Many',
    action: 'Get many replications',
    records: 'jobs',
    simple: ['id', 'vmid', 'name', 'source', 'target', 'schedule', 'state', 'lastSync', 'error'],
    fields: { guest: { example: 'vaultwarden' } },
  },
  'replication.add': {
    action: 'Add a replication of a guest',
    fields: { node: { displayName: 'Target Node', example: 'pve2' }, schedule: { example: '*/15' } },
  },
  'replication.run': {
    action: 'Run a replication now',
    fields: { node: { displayName: 'Target Node', example: 'pve2' } },
  },
  'replication.remove': {
    action: 'Remove a replication',
    mayAsk: true,
    fields: { node: { displayName: 'Target Node', example: 'pve2' } },
  },
}

const rest: Readonly<Record<string, OperationOverride>> = {
  'cluster.resources': {
    name: 'Get Resources',
    action: 'Get many resources of the cluster',
    records: 'resources',
    simple: ['id', 'kind', 'name', 'node', 'status', 'type', 'vmid', 'disk', 'maxdisk', 'mem'],
    fields: { node: { example: 'pve' } },
  },
  'node.list': { name: 'Get Many', action: 'Get many nodes', records: 'nodes' },
  'node.show': {
    name: 'Get',
    action: 'Get a node',
    fields: { node: { prominent: true, example: 'pve', description: 'Not needed when there is only one' } },
  },
  'storage.list': { name: 'Get Many', action: 'Get many storages', records: 'storages' },
  'storage.show': { name: 'Get', action: 'Get a storage' },
  'template.list': {
    name: 'Get Many',
    action: 'Get the templates of containers on a node',
    fields: { search: { example: 'debian' } },
  },
  'template.download': {
    action: 'Download a template for containers',
    fields: { template: { example: 'debian-13' }, storage: { example: 'local' } },
  },
  'task.list': {
    name: 'Get Many',
    action: 'Get many tasks',
    records: 'tasks',
    fields: { guest: { example: 'plex' } },
  },
  'task.show': { name: 'Get', action: 'Get a task', fields: { upid } },
  'task.log': { name: 'Get Log', action: 'Get the log of a task', fields: { upid } },
  'task.wait': {
    action: 'Wait for a task',
    fields: { upid, timeout: { ...seconds, prominent: true } },
  },
  'task.stop': { action: 'Stop a task', fields: { upid } },
}

export const overrides: Overrides = {
  resources: { ha: 'HA' },
  operations: { ...guest, ...backup, ...snapshot, ...kept, ...rest },
}
