/** A source of alerts on connections that it keeps, as Alertmanager does: many messages at once, and whether each was answered. */
import { Agent, request } from 'node:http'

export interface Answer {
  readonly status: number
  /** Milliseconds from the sending to the end of the answer. */
  readonly ms: number
}

export interface Sender extends Disposable {
  /** @returns undefined when no answer came */
  send(body: string): Promise<Answer | undefined>
}

export function alertSender(url: string, secret: string, connections: number): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  return {
    send: (body) =>
      new Promise((resolve) => {
        const began = performance.now()
        const lost = () => resolve(undefined)
        const call = request(
          url,
          {
            method: 'POST',
            agent,
            headers: {
              authorization: `Bearer ${secret}`,
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(body),
            },
          },
          (response) => {
            response.on('error', lost)
            response.on('end', () =>
              resolve({ status: response.statusCode ?? 0, ms: performance.now() - began }),
            )
            response.resume()
          },
        )
        call.on('error', lost)
        call.end(body)
      }),
    [Symbol.dispose]: () => agent.destroy(),
  }
}

/** One alert, in a message as Alertmanager sends it. */
export const alertmanagerMessage = (fingerprint: string): string =>
  JSON.stringify({
    receiver: 'homelab',
    status: 'firing',
    alerts: [
      {
        status: 'firing',
        labels: { alertname: 'Burst', instance: `${fingerprint}:9100`, job: 'node', severity: 'warning' },
        annotations: { summary: `${fingerprint} does not answer`, description: 'For five minutes.' },
        startsAt: '2026-11-26T05:00:00.123456789Z',
        endsAt: '0001-01-01T00:00:00Z',
        generatorURL: 'http://prometheus.example.org/graph?g0.expr=up+%3D%3D+0',
        fingerprint,
      },
    ],
    groupLabels: { alertname: 'Burst' },
    commonLabels: {},
    commonAnnotations: {},
    externalURL: 'http://alertmanager.example.org',
    version: '4',
    groupKey: '{}:{alertname="Burst"}',
    truncatedAlerts: 0,
  })
