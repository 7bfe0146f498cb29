/** What the API server says when it refuses, and what TLS says before it, as errors that name the next step. */
import { HomelabError, type HttpResponse, TransportError } from '@homelab/core'
import type { Access } from './kubeconfig.ts'

/** `Status`, the body of every refusal. */
interface Said {
  readonly message: string
  readonly reason: string
}

function said({ body, statusText }: HttpResponse): Said {
  try {
    const { message, reason } = JSON.parse(body) as Partial<Record<keyof Said, unknown>>
    return {
      message: typeof message === 'string' ? message.slice(0, 500) : statusText,
      reason: typeof reason === 'string' ? reason : '',
    }
  } catch {
    return { message: body.trim().slice(0, 200) || statusText, reason: '' }
  }
}

const forbidden =
  /^(?:\S+ (?:"[^"]*" )?is forbidden: )?User "([^"]*)" cannot (\S+) resource "([^"]*)"(?: in API group "([^"]*)")?(?: (?:in the namespace "([^"]*)"|at the cluster scope))?/

/** For an answer that is not 2xx. @param what `read the pods`, for people */
export function apiError(response: HttpResponse, what: string, access: Access, now: Date): HomelabError {
  const { status } = response
  const { message, reason } = said(response)
  const data = { status, reason, text: message }
  if (status === 401) return unauthorised(access, now, data)
  if (status === 403) return denied(message, what, data)
  if (status === 404) return new HomelabError('not-found', `K3s does not have it: ${message}.`, { data })
  if (status === 409)
    return new HomelabError('conflict', `K3s did not ${what}: ${message}.`, {
      hint: 'Somebody else changed it at the same moment. Look with `k3s status`, then ask again.',
      data,
    })
  // A log that is not there, or not yet.
  if (status === 400 && /^previous terminated container|is waiting to start/.test(message))
    return new HomelabError('conflict', `There is no such log: ${message}.`, {
      hint: '`k3s status` shows what the pod waits for.',
      data,
    })
  if (status === 429 || status >= 500)
    return new HomelabError('unreachable', `K3s cannot answer at the moment: ${status} ${message}`.trim(), {
      hint: 'Try again in a moment; `journalctl -u k3s` on its server says more.',
      data,
    })
  if (status >= 300 && status < 400)
    return new HomelabError('config', 'What answers at the address of K3s redirects to somewhere else.', {
      hint: '`server` of the kubeconfig is where the API itself is, with its port: usually 6443.',
    })
  return new HomelabError('failed', `K3s did not ${what}: ${status} ${message}`.trim(), { data })
}

const expiredHint =
  'K3s makes a new one when it is restarted (`systemctl restart k3s` on its server); then copy /etc/rancher/k3s/k3s.yaml again.'

function unauthorised(
  { certificateEnds, token }: Access,
  now: Date,
  data: Readonly<Record<string, unknown>>,
): HomelabError {
  if (certificateEnds !== undefined && certificateEnds < now && token === undefined)
    return new HomelabError(
      'unauthorised',
      `The client certificate of the kubeconfig ended on ${certificateEnds.toISOString().slice(0, 10)}.`,
      { hint: expiredHint, data },
    )
  return token === undefined
    ? new HomelabError('unauthorised', 'K3s does not take the client certificate of the kubeconfig.', {
        hint: 'It is of another cluster, or of this one before it was set up anew: copy /etc/rancher/k3s/k3s.yaml again.',
        data,
      })
    : new HomelabError('unauthorised', 'K3s does not take the token of the kubeconfig.', {
        hint: 'It has ended, or its service account is gone: docs/k3s.md makes one that stays.',
        data,
      })
}

function denied(message: string, what: string, data: Readonly<Record<string, unknown>>): HomelabError {
  const [, user, verb, resource, group, namespace] = forbidden.exec(message) ?? []
  if (user === undefined)
    return new HomelabError('unauthorised', `K3s does not let us ${what}: ${message}`, { data })
  const of = group ? `${resource} of ${group}` : resource
  const where = namespace === undefined ? 'in the whole cluster' : `in the namespace ${namespace}`
  return new HomelabError(
    'unauthorised',
    `The account "${user}" of the kubeconfig may not ${verb} ${of} ${where}.`,
    {
      hint:
        namespace === undefined
          ? 'docs/k3s.md has the ClusterRole to give it; or name in `k3s.namespaces` of homelab.yaml those that it may read.'
          : 'docs/k3s.md has the ClusterRole to give it.',
      data: { ...data, verb, resource, ...(namespace === undefined ? {} : { namespace }) },
    },
  )
}

/** The transport's own hints are about a fingerprint in homelab.yaml, which a kubeconfig has no place for. */
export function transportError(error: TransportError, { server }: Access): TransportError {
  const { code, sent } = error
  if (code === 'untrusted') {
    const { reason } = error.data ?? {}
    const text = String(reason)
    return new TransportError(
      `The certificate of ${server} cannot be verified (${text}). Nothing was sent.`,
      false,
      {
        code,
        hint: hintOf(text),
        data: { server, reason: text },
        cause: error,
      },
    )
  }
  if (sent || code === 'cancelled') return error
  return new TransportError(error.message, false, {
    code,
    hint: 'Is K3s running, and does `server` of the kubeconfig have its address as seen from here? /etc/rancher/k3s/k3s.yaml says 127.0.0.1.',
    ...(error.data === undefined ? {} : { data: error.data }),
    cause: error,
  })
}

function hintOf(reason: string): string {
  if (/altname|does not match/i.test(reason))
    return 'It is not for the name in `server` of the kubeconfig: give K3s that name as `tls-san` in /etc/rancher/k3s/config.yaml, or set `tls-server-name` in the kubeconfig.'
  if (/expired/i.test(reason))
    return 'K3s makes a new one when it is restarted: `systemctl restart k3s` on its server.'
  return 'It is not signed by `certificate-authority-data` of the kubeconfig. If K3s was set up anew, copy /etc/rancher/k3s/k3s.yaml again; if not, somebody may be between you and it.'
}
