/** The other way to an app: signed requests to its URL. */
import { createHmac } from 'node:crypto'
import { take } from '../../process/faults.ts'
import type { App } from '../app.ts'
import type { Faults } from '../faults.ts'
import type { Journal } from '../journal.ts'
import type { Json } from '../json.ts'
import { isObject } from '../json.ts'
import type { Workspace } from '../workspace.ts'

const OLD_SECONDS = 360

interface Parts {
  readonly app: App
  readonly faults: Faults
  readonly journal: Journal
  readonly workspace: Workspace
  readonly ackMs: number
}

export interface Answer {
  /** 0: nobody answered in time, or the connection broke. */
  readonly status: number
  readonly timedOut: boolean
  readonly noRetry: boolean
  /** The body, parsed when it is JSON; a text otherwise. */
  readonly body: unknown
}

export class Requests {
  readonly #parts: Parts
  /** Where the app is; undefined: it uses Socket Mode. */
  url: string | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  #signed(body: string): Record<string, string> {
    const { faults, app } = this.#parts
    const seconds = Math.floor(Date.now() / 1000) - (faults.signature === 'old' ? OLD_SECONDS : 0)
    const secret = faults.signature === 'wrong' ? `${app.signingSecret}0` : app.signingSecret
    const signature = createHmac('sha256', secret).update(`v0:${seconds}:${body}`).digest('hex')
    return {
      'x-slack-request-timestamp': String(seconds),
      ...(faults.signature !== 'missing' && { 'x-slack-signature': `v0=${signature}` }),
    }
  }

  /** Posts to the app's URL; twice when a replay is wanted, and then the first answer counts. */
  async post(type: string, payload: Json, retry?: { num: number; reason: string }): Promise<Answer> {
    const json = type === 'events_api' || type === 'url_verification'
    const fields = type === 'slash_commands' ? payload : { payload: JSON.stringify(payload) }
    const body = json
      ? JSON.stringify(payload)
      : new URLSearchParams(
          Object.entries(fields).map(([key, value]): [string, string] => [key, String(value)]),
        ).toString()
    const headers = {
      'content-type': json ? 'application/json' : 'application/x-www-form-urlencoded',
      'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
      ...this.#signed(body),
      ...(retry && { 'x-slack-retry-num': String(retry.num), 'x-slack-retry-reason': retry.reason }),
    }
    const answer = await this.#send(type, body, headers, false)
    if (take(this.#parts.faults, 'replay')) await this.#send(type, body, headers, true)
    return answer
  }

  async #send(type: string, body: string, headers: Record<string, string>, replay: boolean): Promise<Answer> {
    let answer: Answer
    try {
      const response = await fetch(this.url ?? '', {
        method: 'POST',
        headers,
        body,
        signal: AbortSignal.timeout(this.#parts.ackMs),
      })
      const text = await response.text()
      answer = {
        status: response.status,
        timedOut: false,
        noRetry: response.headers.get('x-slack-no-retry') === '1',
        body: parsed(text),
      }
    } catch (error) {
      const timedOut = error instanceof Error && error.name === 'TimeoutError'
      answer = { status: 0, timedOut, noRetry: false, body: '' }
    }
    this.#parts.journal.add({ kind: 'http', type, status: answer.status, replay })
    return answer
  }

  /** As when a URL is entered in the app's settings: true when it gives the challenge back. */
  async verify(url: string): Promise<boolean> {
    this.url = url
    const challenge = this.#parts.workspace.newId('challenge')
    const { verification } = this.#parts.app
    const answer = await this.post('url_verification', {
      token: verification,
      challenge,
      type: 'url_verification',
    })
    const given = isObject(answer.body) ? answer.body.challenge : answer.body
    return answer.status === 200 && given === challenge
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
