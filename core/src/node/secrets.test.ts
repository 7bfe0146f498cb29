import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import type { SecretRef } from '../inventory/fields.ts'
import { createSecrets } from './secrets.ts'

const env = (name: string): SecretRef => ({ from: 'env', name })
const file = (name: string): SecretRef => ({ from: 'file', name })

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'homelab-secrets-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

async function failureOf(promise: Promise<unknown>): Promise<HomelabError> {
  const error = await promise.then(
    () => new Error('it was resolved'),
    (reason: unknown) => reason,
  )
  if (error instanceof HomelabError) return error
  throw error
}

test('reads a variable and a file that only its owner can read, without the newline at its end', async () => {
  const dir = await folder()
  await writeFile(join(dir, 'token'), 'from the file\n\r\n', { mode: 0o600 })
  await writeFile(join(dir, 'group'), 'for a group', { mode: 0o600 })
  await chmod(join(dir, 'group'), 0o640)
  const secrets = createSecrets({ env: { TOKEN: 'from the environment\n', HOME: dir } })
  expect((await secrets.resolve(env('TOKEN'))).reveal()).toBe('from the environment')
  expect((await secrets.resolve(file(join(dir, 'token')))).reveal()).toBe('from the file\n')
  expect((await secrets.resolve(file('~/group'))).reveal()).toBe('for a group')
})

test.skipIf(process.platform === 'win32')('a secret that every user can read is refused', async () => {
  const path = join(await folder(), 'token')
  await writeFile(path, 'hunter2-hunter2')
  await chmod(path, 0o644)
  const error = await failureOf(createSecrets({ env: {} }).resolve(file(path)))
  expect([error.code, error.hint]).toEqual(['config', `chmod 600 ${path}`])
  expect(inspect(error)).not.toContain('hunter2')
  await chmod(path, 0o600)
  expect((await createSecrets({ env: {} }).resolve(file(path))).reveal()).toBe('hunter2-hunter2')
})

test("Docker's secrets are world-readable inside the container, and taken as they are", async () => {
  const secrets = createSecrets({ env: {}, readFile: async () => ({ text: 'x-x-x', mode: 0o100444 }) })
  expect((await secrets.resolve(file('/run/secrets/token'))).reveal()).toBe('x-x-x')
  await expect(secrets.resolve(file('/etc/token'))).rejects.toThrow('every user of this machine')
})

test('says what is missing', async () => {
  const dir = await folder()
  await writeFile(join(dir, 'empty'), '\n', { mode: 0o600 })
  const secrets = createSecrets({ env: { EMPTY: '' } })
  const messages = [
    env('TOKEN'),
    env('EMPTY'),
    file(join(dir, 'none')),
    file(dir),
    file(join(dir, 'empty')),
  ].map(async (ref) => (await failureOf(secrets.resolve(ref))).message)
  expect(await Promise.all(messages)).toEqual([
    'The environment variable TOKEN is not set',
    'The environment variable EMPTY is empty',
    `${join(dir, 'none')} does not exist`,
    `${dir} is a folder`,
    `${join(dir, 'empty')} is empty`,
  ])
})

test('a certificate may be readable by all, or stand in the file itself', async () => {
  const path = join(await folder(), 'ca.pem')
  await writeFile(path, 'PEM\n')
  await chmod(path, 0o644)
  const secrets = createSecrets({ env: {} })
  expect(await secrets.text(file(path))).toBe('PEM')
  expect(await secrets.text({ from: 'text', text: 'inline' })).toBe('inline')
  expect(secrets.known()).toEqual([])
})

test('knows what it has given out, also after a rotation, and takes all of it out of a text', async () => {
  const variables: Record<string, string> = { A: 'first-secret', B: 'first-secret-and-more' }
  const secrets = createSecrets({ env: variables })
  const [one, same] = [await secrets.resolve(env('A')), await secrets.resolve(env('A'))]
  expect(same).toBe(one)
  await secrets.resolve(env('B'))
  variables.A = 'rotated'
  expect((await secrets.resolve(env('A'))).reveal()).toBe('rotated')
  expect(secrets.known()).toHaveLength(3)
  expect(secrets.redact('a first-secret-and-more b first-secret c rotated d')).toBe(
    'a [secret] b [secret] c [secret] d',
  )
})
