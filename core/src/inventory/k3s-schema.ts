/** The K3s part of homelab.yaml: which cluster, and how much of it is looked at and restarted from here. */
import { z } from 'zod'
import { SecretRef } from './fields.ts'

/** As Kubernetes takes names of namespaces and of what is in them. */
const label = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?'
const object = '[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?'

const Namespace = z
  .string('must be the name of a namespace')
  .regex(new RegExp(`^${label}$`), 'must be the name of a namespace, such as default')

const Restartable = z
  .string('must be a namespace or namespace/name')
  .regex(
    new RegExp(`^${label}(?:/${object})?$`),
    'must be a namespace or namespace/name, such as media/jellyfin',
  )

export const K3s = z.strictObject({
  kubeconfig: SecretRef.describe(
    'A kubeconfig: on the server it is /etc/rancher/k3s/k3s.yaml, whose `server` is to be its address as seen from here',
  ),
  context: z.string().min(1).optional().describe('A context of the kubeconfig; default: its current-context'),
  namespaces: z.array(Namespace).min(1).optional().describe('Only these are looked at; default: all'),
  restart: z
    .array(Restartable)
    .optional()
    .describe('What may be restarted: a namespace, or namespace/name; default: whatever is looked at'),
})

export type K3sSettings = Readonly<z.output<typeof K3s>>
