/** A lab for backups that go wrong: plans of its own names, because a plan's lock is the whole machine's. */
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Posted } from '../../../bot/src/chat/types.ts'
import { type BackupLab, openBackupLab, password } from '../../support/backup-lab.ts'
import type { Postgres } from '../../support/postgres.ts'
import { resticBinary } from '../../support/restic.ts'
import { quickRepository } from './quick-key.ts'

/** Where jobs have their folders. */
const jobs = '/var/lib/homelab/jobs'

export interface FaultLab extends BackupLab {
  readonly version: string
  /** The repository `here`. */
  readonly repository: string
  /** What a plan is called here. */
  plan(name: string): string
  /** What a repository has of a plan in the end, and what lies about. */
  end(plan: string, repository?: string): Promise<End>
  /** Lets the next restic that saves wait, before it has begun, until it is let go. */
  hold(): Hold
  /** Lets restic save so many kilobytes a second; 0: as fast as it can. */
  slow(kilobytes: number): void
  /** How often restic was asked to save something. */
  saves(): number
}

export interface Hold {
  /** Resolves when one waits. */
  held(): Promise<void>
  release(): void
}

export interface End {
  /** The runs of the snapshots that have their proof, one for each. */
  readonly proven: readonly string[]
  /** Snapshots without a proof. */
  readonly pending: number
  readonly locks: number
  readonly jobs: readonly string[]
}

export interface FaultLabOptions {
  readonly version: string
  /** Lines under `backups:` and more; the repository `here` is there. */
  readonly yaml: (about: {
    readonly dir: string
    readonly postgres: Postgres
    readonly plan: (name: string) => string
  }) => string
}

export async function openFaultLab({ version, yaml }: FaultLabOptions): Promise<FaultLab> {
  const tag = randomBytes(3).toString('hex')
  const plan = (name: string) => `${name}-${tag}`
  const lab = await openBackupLab({
    version,
    yaml: (about) => `
repositories:
  here: { restic: ${about.dir}/repository, password: env:RESTIC_PASSWORD }
${yaml({ ...about, plan })}`,
  })
  const repository = join(lab.dir, 'repository')
  await quickRepository(version, repository, password)
  const [calls, gate, held] = ['saves', 'gate', 'held'].map((name) => join(lab.dir, name)) as [
    string,
    string,
    string,
  ]
  const script = (more = '') =>
    [
      '#!/bin/sh',
      'if [ "$1" = backup ]; then',
      `  echo save >>'${calls}'`,
      `  if [ -e '${gate}' ]; then : >'${held}'; while [ -e '${gate}' ]; do sleep 0.05; done; fi`,
      'fi',
      `exec '${resticBinary(version)}'${more} "$@"`,
      '',
    ].join('\n')
  const install = (text: string) => {
    lab.host.program('restic', text)
    lab.host.container(102).program('restic', text)
  }
  install(script())
  return {
    ...lab,
    version,
    repository,
    plan,
    async end(name, where = repository) {
      const snapshots = await lab.snapshots(where, name)
      const value = (tags: readonly string[], key: string) =>
        tags.find((one) => one.startsWith(`${key}=`))?.slice(key.length + 1) ?? '-'
      const proofs = snapshots.filter(({ tags }) => tags.includes('proof'))
      const data = snapshots.filter(({ tags }) => !tags.includes('proof'))
      const proven = proofs.flatMap(({ tags }) =>
        data.filter(({ id, tags: own }) => {
          const same = value(own, 'run') === value(tags, 'run')
          return same && id.startsWith(value(tags, 'of'))
        }),
      )
      return {
        proven: proven.map(({ tags }) => value(tags, 'run')),
        pending: data.length - proven.length,
        locks: locksIn(where).length,
        jobs: jobsOf(name),
      }
    },
    hold() {
      rmSync(held, { force: true })
      writeFileSync(gate, '')
      return { held: () => there(held), release: () => rmSync(gate, { force: true }) }
    },
    slow: (kilobytes) => install(script(kilobytes === 0 ? '' : ` --limit-upload ${kilobytes}`)),
    saves: () => (existsSync(calls) ? readFileSync(calls, 'utf8').split('\n').length - 1 : 0),
    [Symbol.asyncDispose]: async () => {
      rmSync(gate, { force: true })
      await lab[Symbol.asyncDispose]()
    },
  }
}

/** Those of a repository that is a folder; of another one none is seen. What is still being written is none. */
export const locksIn = (repository: string): readonly string[] =>
  existsSync(join(repository, 'locks'))
    ? readdirSync(join(repository, 'locks')).filter((name) => /^[0-9a-f]{64}$/.test(name))
    : []

/** The folders of a plan's jobs that lie on the machine. */
export const jobsOf = (plan: string): readonly string[] =>
  (existsSync(jobs) ? readdirSync(jobs) : [])
    .map((name) => join(jobs, name))
    .filter((path) => isOf(path, plan))

function isOf(folder: string, plan: string): boolean {
  try {
    return readFileSync(join(folder, 'job'), 'utf8').includes(`HL_PLAN='${plan}'`)
  } catch {
    // Gone by now, or not written yet.
    return false
  }
}

/** Resolves when a file is there. @throws Error when that takes 30 s */
export const there = (path: string): Promise<void> => until(() => existsSync(path), path)

/** @throws Error when it is not so within 30 s */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 30_000; Date.now() < end; await delay(20)) if (await isSo()) return
  throw new Error(`not within 30 s: ${what}`)
}

export const told = ({ error, card }: Posted) => ({ code: error, text: JSON.stringify(card) })

/** Bytes that nothing makes smaller. */
export const noise = (kilobytes: number): Buffer => randomBytes(kilobytes * 1024)
