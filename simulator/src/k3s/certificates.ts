/** The two authorities of a K3s server, one for itself and one for who calls it, and kubeconfigs with what they issue. */
import { generate } from 'selfsigned'

export interface Identity {
  readonly key: string
  readonly cert: string
}

export interface Authorities {
  /** PEM of the one that signed the server's certificate. */
  readonly serverCa: string
  readonly clientCa: string
  /** @param names of the server besides 127.0.0.1 */
  server(names?: readonly string[]): Promise<Identity>
  /** @param user its common name @param until when it ends; default: in a year */
  client(user: string, until?: Date): Promise<Identity>
}

const ec = { keyType: 'ec', algorithm: 'sha256' } as const
const DAY_MS = 86_400_000

const authority = (name: string) =>
  generate([{ name: 'commonName', value: name }], {
    ...ec,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })

export async function createAuthorities(): Promise<Authorities> {
  const [server, client] = await Promise.all([authority('k3s-server-ca'), authority('k3s-client-ca')])
  return {
    serverCa: server.cert,
    clientCa: client.cert,
    async server(names = ['localhost', 'kubernetes']) {
      const made = await generate([{ name: 'commonName', value: 'k3s' }], {
        ...ec,
        ca: { key: server.private, cert: server.cert },
        extensions: [
          { name: 'basicConstraints', cA: false },
          { name: 'extKeyUsage', serverAuth: true },
          {
            name: 'subjectAltName',
            altNames: [{ type: 7, ip: '127.0.0.1' }, ...names.map((value) => ({ type: 2 as const, value }))],
          },
        ],
      })
      return { key: made.private, cert: made.cert }
    },
    async client(user, until = new Date(Date.now() + 365 * DAY_MS)) {
      const made = await generate([{ name: 'commonName', value: user }], {
        ...ec,
        notBeforeDate: new Date(Math.min(Date.now(), until.getTime()) - DAY_MS),
        notAfterDate: until,
        ca: { key: client.private, cert: client.cert },
        extensions: [
          { name: 'basicConstraints', cA: false },
          { name: 'extKeyUsage', clientAuth: true },
        ],
      })
      return { key: made.private, cert: made.cert }
    },
  }
}

/** As K3s writes its own, with the address that it is called by. */
export function kubeconfig(options: {
  readonly server: string
  readonly ca: string
  readonly client?: Identity
  readonly token?: string
  /** Lines of the cluster and of the user besides. */
  readonly cluster?: string
  readonly user?: string
}): string {
  const { server, ca, client, token } = options
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    '- name: default',
    '  cluster:',
    `    certificate-authority-data: ${base64(ca)}`,
    `    server: ${server}`,
    ...(options.cluster === undefined ? [] : [`    ${options.cluster}`]),
    'contexts:',
    '- name: default',
    '  context: { cluster: default, user: default }',
    'current-context: default',
    'users:',
    '- name: default',
    '  user:',
    ...(client === undefined
      ? []
      : [
          `    client-certificate-data: ${base64(client.cert)}`,
          `    client-key-data: ${base64(client.key)}`,
        ]),
    ...(token === undefined ? [] : [`    token: ${token}`]),
    ...(options.user === undefined ? [] : [`    ${options.user}`]),
    '',
  ].join('\n')
}
