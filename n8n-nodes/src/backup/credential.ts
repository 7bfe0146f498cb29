/** The restic repository credential. */
import { HomelabError, Secret, type Services } from '@homelab/core'
import type { IExecuteFunctions } from 'n8n-workflow'
import type { Rights } from '../rights.ts'

/** The fields of the restic repository credential. */
export interface ResticCredential extends Rights {
  readonly backend: 'b2' | 's3' | 'other'
  readonly repository: string
  readonly password: string
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  readonly secretEnv?: string
  readonly binary?: string
  readonly appendOnly?: boolean
}

export const resticCredentialType = 'resticRepositoryApi'

export const resticCredential = (
  context: Pick<IExecuteFunctions, 'getCredentials'>,
  item: number,
): Promise<ResticCredential> => context.getCredentials<ResticCredential & object>(resticCredentialType, item)

/**
 * What restic is given besides its password, by the name of the variable.
 * @throws HomelabError `config` for a line that is none, without its text: it may be a secret
 */
export function environmentOf(credential: ResticCredential): Readonly<Record<string, string>> {
  const { backend, repository, accessKeyId = '', secretAccessKey = '' } = credential
  const keys: Record<string, string> = {}
  if (backend !== 'other') {
    if (accessKeyId.trim() === '' || secretAccessKey.trim() === '')
      throw new HomelabError('config', 'The restic credential has no key for its storage', {
        hint: 'Fill in "Key ID" and "Key Secret" there.',
      })
    const [id, secret] = repository.trim().startsWith('b2:')
      ? ['B2_ACCOUNT_ID', 'B2_ACCOUNT_KEY']
      : ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']
    keys[id] = accessKeyId.trim()
    keys[secret] = secretAccessKey.trim()
  }
  return { ...keys, ...linesOf(backend === 'b2' ? '' : (credential.secretEnv ?? '')) }
}

function linesOf(text: string): Record<string, string> {
  const lines = text.split('\n').map((line, index) => ({ line: line.trim(), number: index + 1 }))
  return Object.fromEntries(
    lines
      .filter(({ line }) => line !== '' && !line.startsWith('#'))
      .map(({ line, number }) => {
        const [, name = '', value = ''] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? []
        if (name !== '') return [name, value]
        throw new HomelabError(
          'config',
          `Line ${number} of "Secret Environment" in the restic credential is wrong`,
          {
            hint: 'A line is NAME=value, the name in capitals.',
          },
        )
      }),
  )
}

/** What the plan's references stand for. */
export function secretsOf(credential: ResticCredential): Services['secrets'] {
  const values: Readonly<Record<string, string>> = {
    ...environmentOf(credential),
    RESTIC_PASSWORD: credential.password,
  }
  return {
    resolve({ name }) {
      const value = values[name]
      return value === undefined || value === ''
        ? Promise.reject(new HomelabError('config', `The restic credential has no ${name}`))
        : Promise.resolve(new Secret(value))
    },
  }
}
