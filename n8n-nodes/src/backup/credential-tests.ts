/** Tests of the credentials that speak no HTTP: n8n's button "Test" in the credential calls these. */
import { errorData } from '@homelab/core'
import type { ICredentialsDecrypted, ICredentialTestFunctions, INodeCredentialTestResult } from 'n8n-workflow'
import { containerOf, type SshCredential, sshShells } from '../ssh/credential.ts'
import { environmentOf, type ResticCredential } from './credential.ts'

/** Logs in, checks the host key when there is one, and runs a command where backups would run. */
export async function sshHostTest(
  this: ICredentialTestFunctions,
  { data }: ICredentialsDecrypted,
): Promise<INodeCredentialTestResult> {
  return await tested(async () => {
    const credential = data as unknown as SshCredential
    const shells = sshShells(this, credential)
    const container = containerOf(credential)
    const shell = container === undefined ? shells.host('') : shells.guest(container)
    const { code, stderr } = await shell.exec(['true'], { timeoutMs: 15_000 })
    if (code !== 0) throw new Error(`The log-in works, but no command does: ${stderr.trim() || code}`)
    return (credential.hostKey ?? '').trim() === ''
      ? 'Connected. Without "Host Key" nobody knows whether it is the right host.'
      : 'Connected, and it is the host with this key'
  })
}

/** Whether it is complete. Whether restic opens the repository is seen on the machine alone. */
export async function resticRepositoryTest(
  this: ICredentialTestFunctions,
  { data }: ICredentialsDecrypted,
): Promise<INodeCredentialTestResult> {
  return await tested(() => {
    const credential = data as unknown as ResticCredential
    environmentOf(credential)
    if (credential.repository.trim() === '' || credential.password === '')
      throw new Error('Repository and Password are needed')
    return Promise.resolve('Complete. Whether it opens is seen when a node uses it: "Get Stats" is quick.')
  })
}

async function tested(work: () => Promise<string>): Promise<INodeCredentialTestResult> {
  try {
    return { status: 'OK', message: await work() }
  } catch (error) {
    const { message, hint } = errorData(error)
    return { status: 'Error', message: hint === undefined ? message : `${message}. ${hint}` }
  }
}
