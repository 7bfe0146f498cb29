/** A repository by S3, as the lab's at Backblaze B2 is: with the oldest restic and the newest, over TLS, with signed requests. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type BackupLab, openBackupLab, password } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { openRestic, requireRestic, resticVersions } from '../support/restic.ts'
import { type S3Server, s3Keys, startS3Server } from '../support/s3-server.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)
const versions = ready ? [resticVersions[0] ?? '', resticVersions.at(-1) ?? ''] : []
const told = (posted: Posted) => ({ code: posted.error, text: JSON.stringify(posted.card) })

let server: S3Server
beforeAll(async () => {
  if (ready) server = await startS3Server()
})
afterAll(() => server?.[Symbol.asyncDispose]())

describe.each(versions)('restic %s, by S3', (version) => {
  const name = `s3-${version.replaceAll('.', '-')}`
  let lab: BackupLab
  beforeAll(async () => {
    lab = await openBackupLab({
      version,
      env: { S3_ID: s3Keys.id, S3_SECRET: s3Keys.secret, S3_WRONG: 'somebody-else', S3_CA: server.authority },
      yaml: ({ dir, postgres }) => `
repositories:
  b2:
    restic: '${server.repository(name)}'
    password: env:RESTIC_PASSWORD
    env: { AWS_ACCESS_KEY_ID: env:S3_ID, AWS_SECRET_ACCESS_KEY: env:S3_SECRET, SSL_CERT_FILE: env:S3_CA }
  wrong:
    restic: '${server.repository(name)}'
    password: env:RESTIC_PASSWORD
    env: { AWS_ACCESS_KEY_ID: env:S3_WRONG, AWS_SECRET_ACCESS_KEY: env:S3_SECRET, SSL_CERT_FILE: env:S3_CA }
backups:
  ${name}: { method: restic, node: pve, paths: ['${dir}/photos'], to: [b2], schedule: daily, retention: { last: 1 } }
  ${name}-wrong: { method: restic, node: pve, paths: ['${dir}/photos'], to: [wrong], schedule: daily }
  ${name}-bases:
    method: pg_dump
    service: postgresql
    user: postgres
    host: ${postgres.socketDir}
    port: ${postgres.port}
    staging: ${dir}/staging
    to: [b2]
    schedule: daily
`,
    })
    writeFileSync(join(lab.dir, 'photos', 'one.jpg'), Buffer.alloc(3_000_000, 'one'))
  })
  afterAll(() => lab?.[Symbol.asyncDispose]())

  const good = async (text: string) => {
    const posted = await lab.type(text)
    expect(told(posted)).toMatchObject({ code: undefined })
  }
  const restic = (args: readonly string[]) =>
    openRestic(version, {
      repository: server.repository(name),
      password,
      env: {
        AWS_ACCESS_KEY_ID: s3Keys.id,
        AWS_SECRET_ACCESS_KEY: s3Keys.secret,
        SSL_CERT_FILE: server.authority,
      },
    })(args)
  const proofsOf = async (plan: string) => {
    const { stdout } = await restic(['snapshots', '--json', '--no-lock', '--tag', `proof,plan=${plan}`])
    return (JSON.parse(stdout) as unknown[]).length
  }

  it('is made, saved to, proven, read through, pruned and restored from', async () => {
    await good(`backup run ${name} init:true`)
    await good(`backup run ${name}-bases`)
    expect([await proofsOf(name), await proofsOf(`${name}-bases`)]).toEqual([1, 1])
    await good('backup verify b2 cycle:1')
    writeFileSync(join(lab.dir, 'photos', 'two.jpg'), 'two')
    await good(`backup run ${name}`)
    await good(`backup prune ${name}`)
    expect(await proofsOf(name)).toBe(1)
    await good(`backup drill ${name}`)
    expect((await restic(['list', 'locks', '--no-lock'])).stdout.trim()).toBe('')
  })

  it('says that the keys are wrong when they are, and shows none of them', async () => {
    const posted = await lab.type(`backup run ${name}-wrong`)
    expect(told(posted)).toEqual({ code: 'unauthorised', text: expect.not.stringContaining('somebody-else') })
    expect(await proofsOf(`${name}-wrong`)).toBe(0)
  })
})
