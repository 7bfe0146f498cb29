/** Certificates as a Proxmox cluster makes them: an authority of its own, and one certificate a node. */
import { X509Certificate } from 'node:crypto'
import { generate } from 'selfsigned'

export interface Certificate {
  readonly key: string
  readonly cert: string
  /** SHA-256 of the certificate, as Proxmox shows it: `AA:BB:…`. */
  readonly fingerprint: string
}

export interface Authority {
  readonly ca: string
  issue(node: string): Promise<Certificate>
}

export async function createAuthority(): Promise<Authority> {
  const root = await generate([{ name: 'commonName', value: 'Proxmox Virtual Environment' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  return {
    ca: root.cert,
    issue: async (node) => {
      const leaf = await generate([{ name: 'commonName', value: `${node}.homelab.lan` }], {
        keyType: 'ec',
        algorithm: 'sha256',
        ca: { key: root.private, cert: root.cert },
        extensions: [
          { name: 'basicConstraints', cA: false },
          { name: 'extKeyUsage', serverAuth: true },
          {
            name: 'subjectAltName',
            altNames: [
              { type: 7, ip: '127.0.0.1' },
              { type: 2, value: 'localhost' },
              { type: 2, value: node },
            ],
          },
        ],
      })
      return {
        key: leaf.private,
        cert: leaf.cert,
        fingerprint: new X509Certificate(leaf.cert).fingerprint256,
      }
    },
  }
}
