import * as field from '../../src/backup/fields.ts'
import { stay } from '../../src/job/stay.ts'
import type { OperationOverride, Overrides } from '../../src/overrides.ts'

const hidden = { hidden: true }
/** The one plan and the one repository are made of the fields and the credentials. */
const ofPlan = { plan: hidden }
const ofBoth = { plan: hidden, repository: hidden }

const list: OperationOverride = {
  verb: 'list',
  name: 'Get Many Snapshots',
  action: 'Get many snapshots',
  own: [field.planName],
  records: 'snapshots',
  fields: ofPlan,
}

const freshness: OperationOverride = {
  verb: 'freshness',
  name: 'Get Freshness',
  action: 'Get how old the newest proven snapshot is',
  description: 'Whether the newest proven snapshot is fresh enough, by what is in the repository now',
  own: [field.planName, field.maxAge],
  single: 'plans',
  fields: { plan: hidden, fresh: hidden },
}

const forget: OperationOverride = {
  verb: 'forget',
  name: 'Forget',
  action: 'Remove old snapshots',
  description:
    'Removes proven snapshots that no rule keeps, and broken ones of over a week. Not when the newest is suspiciously small.',
  own: [field.planName, field.keep, stay],
  single: 'repositories',
  fields: ofPlan,
}

const unproven = { displayName: 'Unproven', description: 'Take a snapshot, too, that has no proof' }
const snapshot = {
  example: '1f2e3d4c',
  description: 'By its first letters. Not given: the newest that is proven.',
}

export const resticOverrides: Overrides = {
  operations: {
    'backup.run': {
      resource: 'restic',
      verb: 'backup',
      name: 'Back Up',
      action: 'Back up files',
      description:
        'Saves files and folders of the machine, reads back what was saved, and proves it in the repository',
      own: [field.planName, field.paths, field.exclude, stay],
      single: 'done',
      fields: { ...ofBoth, init: { displayName: 'Make the Repository' } },
    },
    'backup.list': { ...list, resource: 'restic' },
    'backup.status': { ...freshness, resource: 'restic' },
    'backup.find': {
      resource: 'restic',
      verb: 'find',
      name: 'Find Files',
      action: 'Find files in the snapshots',
      own: [field.planName],
      records: 'files',
      fields: { ...ofBoth, name: { displayName: 'File Name', example: '*.heic' } },
    },
    'backup.verify': {
      resource: 'restic',
      verb: 'check',
      name: 'Check',
      action: 'Check a part of the repository',
      own: [stay],
      failing: true,
      fields: { repository: hidden, cycle: { displayName: 'Parts', prominent: true } },
    },
    'backup.prune': { ...forget, resource: 'restic' },
    'backup.restore': {
      resource: 'restic',
      verb: 'restore',
      name: 'Restore',
      action: 'Restore files',
      description: 'Puts a file or folder back beside the live one, or over it',
      own: [field.planName, stay],
      fields: {
        ...ofBoth,
        database: hidden,
        live: hidden,
        path: {
          prominent: true,
          example: '/Apollo/Photos/2024',
          description: 'File or folder to put back, whole',
        },
        to: {
          example: '/Apollo/restored',
          description: 'Where it goes. Not given: beside it, under another name.',
        },
        inplace: {
          displayName: 'In Place',
          description: 'Put it over the live files. Then Snapshot must be given.',
        },
        snapshot,
        unproven,
      },
    },
    'backup.drill': {
      resource: 'restic',
      verb: 'drill',
      name: 'Drill',
      action: 'Try whether the files restore',
      description: 'Restores some files beside what is live, compares them, and throws them away',
      own: [field.planName, field.compared, field.maxAge, stay],
      fields: ofBoth,
    },
    'backup.stats': {
      resource: 'restic',
      verb: 'stats',
      name: 'Get Stats',
      action: 'Get what a repository holds',
      fields: { repository: hidden },
    },
    'backup.unlock': {
      resource: 'restic',
      verb: 'unlock',
      name: 'Unlock',
      action: 'Remove stale locks',
      fields: { repository: hidden },
    },
  },
}

export const postgresOverrides: Overrides = {
  operations: {
    'backup.run': {
      resource: 'postgres',
      verb: 'dump',
      name: 'Dump',
      action: 'Dump and back up databases',
      description:
        'Dumps the databases, reads the dump to its end, saves it by restic, and proves it in the repository',
      own: [field.planName, field.databases, field.server, stay],
      single: 'done',
      fields: { ...ofBoth, init: { displayName: 'Make the Repository' } },
    },
    'backup.list': { ...list, resource: 'postgres' },
    'backup.status': { ...freshness, resource: 'postgres' },
    'backup.show': {
      resource: 'postgres',
      verb: 'show',
      name: 'Get Snapshot',
      action: 'Get the databases in a snapshot',
      own: [field.planName, field.server],
      fields: { ...ofPlan, snapshot },
    },
    'backup.prune': { ...forget, resource: 'postgres' },
    'backup.restore': {
      resource: 'postgres',
      verb: 'restore',
      name: 'Restore',
      action: 'Restore a database beside the live one',
      description: 'Puts a database back under another name, beside the live one',
      own: [field.planName, field.server, stay],
      fields: {
        ...ofBoth,
        path: hidden,
        to: hidden,
        inplace: hidden,
        // A series of changes that asks for a person beside it.
        live: hidden,
        database: { prominent: true, example: 'immich', description: 'The database to put back' },
        snapshot,
        unproven,
      },
    },
    'backup.drill': {
      resource: 'postgres',
      verb: 'drill',
      name: 'Drill',
      action: 'Try whether the databases restore',
      description:
        'Restores the newest dump into scratch databases, compares the rows of all tables, and throws them away',
      own: [field.planName, field.server, field.maxAge, stay],
      fields: ofBoth,
    },
  },
}

export const overrides: Overrides = {
  resources: { restic: 'Restic', postgres: 'PostgreSQL', job: 'Job' },
  operations: {},
  own: [
    {
      resource: 'job',
      verb: 'status',
      name: 'Get Status',
      action: 'Get the status of a job',
      description: 'Looks whether a backup, a restore or a drill has ended, and what became of it',
      properties: [field.job, { ...stay, default: 0 }],
    },
    {
      resource: 'job',
      verb: 'cancel',
      name: 'Cancel',
      action: 'Cancel a job',
      description: 'Asks the job to end and waits until it has; no lock stays behind',
      properties: [field.job],
    },
  ],
}
