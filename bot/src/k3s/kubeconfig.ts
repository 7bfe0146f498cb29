/** What of a kubeconfig says where the cluster is and who we are there. What would run programs or trust anybody is refused. */
import { X509Certificate } from 'node:crypto'
import { dirname, isAbsolute, join } from 'node:path'
import { HomelabError } from '@homelab/core'
import type { K3sSettings, SecretRef } from '@homelab/core/inventory'
import type { HttpOptions, Secrets } from '@homelab/core/node'
import type { Cluster, KubeConfig, User } from '@kubernetes/client-node'

export interface Access {
  readonly context: string
  /** `https://192.168.1.140:6443` */
  readonly server: string
  readonly trust: Pick<HttpOptions, 'ca' | 'client' | 'servername'>
  readonly token?: string
  /** When the client certificate ends. */
  readonly certificateEnds?: Date
}

/** @throws HomelabError `config`: what is wrong with it, without a word of what is in it */
export async function readKubeconfig(
  config: KubeConfig,
  text: string,
  { kubeconfig: ref, context: wanted }: K3sSettings,
  secrets: Secrets,
): Promise<Access> {
  load(config, text, ref)
  const names = config.contexts.map(({ name }) => name)
  const context = wanted ?? config.currentContext
  const found = config.contexts.find(({ name }) => name === context)
  if (found === undefined)
    throw wrong(ref, context ? `has no context "${context}"` : 'has no current-context', {
      hint: `Set \`k3s.context\` of homelab.yaml to one of: ${names.join(', ') || 'none is there'}.`,
    })
  const cluster = config.clusters.find(({ name }) => name === found.cluster)
  const user = config.users.find(({ name }) => name === found.user)
  if (cluster === undefined) throw wrong(ref, `has no cluster "${found.cluster}", which its context names`)
  if (user === undefined) throw wrong(ref, `has no user "${found.user}", which its context names`)
  refuse(cluster, user, ref)
  const read = (data: string | undefined, file: string | undefined, what: string) =>
    partOf(data, file, what, ref, secrets)
  const ca = await read(cluster.caData, cluster.caFile, 'certificate-authority')
  const cert = await read(user.certData, user.certFile, 'client-certificate')
  const key = await read(user.keyData, user.keyFile, 'client-key')
  const token = user.token?.trim()
  if ((cert === undefined || key === undefined) && !token)
    throw wrong(ref, `gives the user "${user.name}" neither a client certificate with its key nor a token`)
  return {
    context: found.name,
    server: cluster.server,
    trust: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { client: { cert, key } }),
      ...(cluster.tlsServerName ? { servername: cluster.tlsServerName } : {}),
    },
    ...(token ? { token } : {}),
    ...(cert === undefined ? {} : { certificateEnds: endOf(cert, ref) }),
  }
}

function load(config: KubeConfig, text: string, ref: SecretRef): void {
  try {
    config.loadFromString(text)
  } catch (error) {
    // The parser's own message quotes the lines around the mistake, and those may be a key.
    const reason =
      error instanceof Error && error.name === 'YAMLException' ? 'is no YAML' : 'is no kubeconfig'
    const missing =
      error instanceof Error && /^(clusters|users|contexts)\[\d+\]\S* is missing$/.test(error.message)
    throw wrong(ref, missing ? `is not whole: ${error.message}` : reason)
  }
}

function refuse(cluster: Cluster, user: User, ref: SecretRef): void {
  if (cluster.skipTLSVerify)
    throw wrong(
      ref,
      'has `insecure-skip-tls-verify`: whoever answers at that address would be given the keys',
      {
        hint: 'Take that line out, and keep `certificate-authority-data` as /etc/rancher/k3s/k3s.yaml has it.',
      },
    )
  if (!/^https:\/\/[^\s/?#@]+$/.test(cluster.server) || !URL.canParse(cluster.server))
    throw wrong(ref, 'has a `server` that is no https address, such as https://192.168.1.140:6443')
  if (cluster.proxyUrl) throw wrong(ref, 'goes through a proxy (`proxy-url`), which is not supported')
  if (user.exec || user.authProvider)
    throw wrong(
      ref,
      `has a program run to log in (\`${user.exec ? 'exec' : 'auth-provider'}\`), which is not done here`,
      {
        hint: 'Use a client certificate, as k3s.yaml has it, or the token of a service account: docs/k3s.md makes one.',
      },
    )
  if (user.username || user.password)
    throw wrong(ref, 'logs in with a password, which Kubernetes takes no more')
  if (user.impersonateUser) throw wrong(ref, 'acts as somebody else (`as`), which is not supported')
}

async function partOf(
  data: string | undefined,
  file: string | undefined,
  what: string,
  ref: SecretRef,
  secrets: Secrets,
): Promise<string | undefined> {
  if (data) return Buffer.from(data, 'base64').toString('utf8')
  if (!file) return undefined
  if (!isAbsolute(file) && ref.from !== 'file')
    throw wrong(ref, `has a relative path as \`${what}\``, { hint: `Write it into it, as \`${what}-data\`.` })
  const path = isAbsolute(file) ? file : join(dirname(ref.name), file)
  const part: SecretRef = { from: 'file', name: path }
  return what === 'client-key' ? (await secrets.resolve(part)).reveal() : await secrets.text(part)
}

function endOf(cert: string, ref: SecretRef): Date {
  try {
    return new X509Certificate(cert).validToDate
  } catch {
    throw wrong(ref, 'has a `client-certificate` that is no certificate')
  }
}

const wrong = (ref: SecretRef, what: string, facts: { readonly hint?: string } = {}): HomelabError =>
  new HomelabError('config', `The kubeconfig of K3s (${ref.from}:${ref.name}) ${what}.`, facts)
