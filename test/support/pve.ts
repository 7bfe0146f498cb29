/** Bare calls of the Proxmox API over node:https, for tests that look at exactly what is on the wire. */

import type { IncomingHttpHeaders } from 'node:http'
import type { Agent } from 'node:https'
import { request } from 'node:https'
import type { Lab } from './simulator.ts'

export interface Answer {
  readonly status: number
  /** The text after the status: Proxmox puts its reasons there. */
  readonly reason: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** `data` of the body, or undefined when there is no JSON body. */
  readonly data: unknown
  readonly errors: unknown
  readonly total: unknown
}

export interface Call {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly agent?: Agent
}

export interface Pve {
  call(verb: string, path: string, call?: Call): Promise<Answer>
  get(path: string): Promise<Answer>
  post(path: string, form?: Readonly<Record<string, string>>): Promise<Answer>
  put(path: string, form?: Readonly<Record<string, string>>): Promise<Answer>
}

const token = (lab: Lab): Readonly<Record<string, string>> => ({
  Authorization: `PVEAPIToken=${lab.token.id}=${lab.token.secret}`,
})

function read(body: string): { data?: unknown; errors?: unknown; total?: unknown } {
  try {
    return JSON.parse(body) as object
  } catch {
    return {}
  }
}

/** @param login headers of every call; default: the lab's token */
export function createPve(lab: Lab, login = token(lab), url = lab.pve): Pve {
  const call = (verb: string, path: string, { headers, body, agent }: Call = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const length =
        body === undefined
          ? {}
          : {
              'Content-Type': 'application/x-www-form-urlencoded',
              'Content-Length': String(Buffer.byteLength(body)),
            }
      const sent = request(
        `${url}/api2/json${path}`,
        { method: verb, ca: lab.ca, headers: { ...login, ...length, ...headers }, ...(agent && { agent }) },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.once('error', reject)
          response.once('end', () => {
            const text = Buffer.concat(chunks).toString()
            const { data, errors, total } = read(text)
            resolve({
              status: response.statusCode ?? 0,
              reason: response.statusMessage ?? '',
              headers: response.headers,
              body: text,
              data,
              errors,
              total,
            })
          })
        },
      )
      sent.once('error', reject)
      sent.end(body)
    })
  const form = (values: Readonly<Record<string, string>> = {}): Call => ({
    body: new URLSearchParams(values).toString(),
  })
  return {
    call,
    get: (path) => call('GET', path),
    post: (path, values) => call('POST', path, form(values)),
    put: (path, values) => call('PUT', path, form(values)),
  }
}
