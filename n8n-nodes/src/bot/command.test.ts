/** Commands to a bot whose answers the test gives, one after the other. */
import {
  type HttpRequest,
  type HttpResponse,
  parseCommand,
  TransportError,
  validateInput,
} from '@homelab/core'
import { operations } from '@homelab/core/operations'
import { describe, expect, it } from 'vitest'
import { createBot } from './client.ts'
import { planOnBot, runOnBot, textOf } from './command.ts'

const operation = (id: string) => {
  const found = operations.find((each) => each.id === id)
  if (found === undefined) throw new Error(`no operation ${id}`)
  return found
}
const restart = operation('service.restart')
const input = validateInput(restart, { services: ['plex'] })

type Answer = object | { status: number; body: unknown } | Error

function start(...answers: readonly Answer[]) {
  const asked: {
    method: string
    path: string
    body: Record<string, unknown>
    headers: HttpRequest['headers']
  }[] = []
  const left = [...answers]
  const slept: number[] = []
  let elapsed = 0
  const bot = createBot({
    http: {
      request: ({ method, url, body, headers }): Promise<HttpResponse> => {
        const { pathname, search } = new URL(url)
        asked.push({ method, path: `${pathname}${search}`, body: JSON.parse(body ?? '{}'), headers })
        const answer = left.shift()
        if (answer === undefined) return Promise.reject(new Error('asked once more than expected'))
        if (answer instanceof Error) return Promise.reject(answer)
        const { status, body: given } = 'status' in answer ? answer : { status: 200, body: answer }
        return Promise.resolve({
          status: status as number,
          statusText: '',
          headers: {},
          body: typeof given === 'string' ? given : JSON.stringify(given),
        })
      },
    },
    // Time passes only while it sleeps.
    clock: {
      monotonic: () => elapsed,
      sleep: (ms) => {
        slept.push(ms)
        elapsed += ms
        return Promise.resolve()
      },
    },
    url: ' http://127.0.0.1:8787/ ',
    purpose: 'Nightly ä',
  })
  let now = 0
  const options = {
    confirmed: false,
    limitMs: 60_000,
    // Each look at the clock is ten seconds later.
    monotonic: () => (now += 10_000),
    signal: AbortSignal.timeout(5_000),
  }
  return { bot, asked, options, left, slept }
}

const card = (state: string, more: object = {}, shown: object = {}) => ({
  id: 'n8n:1',
  state,
  ...more,
  card: { title: 'Restart plex', tone: 'busy', ...shown },
})

describe('a command', () => {
  it('is sent once however often its answer is lost', async () => {
    const lost = new TransportError('cut', true)
    const { bot, asked, options } = start(lost, lost, card('done', { output: { ok: 1 }, run: 'r1' }))
    expect(await runOnBot(bot, restart, input, options)).toEqual({
      state: 'done',
      output: { ok: 1 },
      card: 'n8n:1',
      run: 'r1',
    })
    expect(new Set(asked.map(({ body }) => body.key)).size).toBe(1)
    expect(asked[0]).toMatchObject({ method: 'POST', path: '/api/commands', body: { text: 'restart plex' } })
    expect(asked[0]?.headers?.['x-homelab-for']).toBe('Nightly%20%C3%A4')
  })

  it('waits for a bot that is restarted, with the same key and longer each time', async () => {
    const refused = new TransportError('refused', false)
    const { bot, asked, options, slept } = start(refused, refused, refused, card('done', { output: {} }))
    expect(await runOnBot(bot, restart, input, options)).toMatchObject({ state: 'done' })
    expect(new Set(asked.map(({ body }) => body.key)).size).toBe(1)
    expect(slept).toEqual([250, 500, 1000])
  })

  it('is given up after a minute where nobody listens: nothing was sent', async () => {
    const refused = Array.from({ length: 100 }, () => new TransportError('refused', false))
    const { bot, options, slept } = start(...refused)
    await expect(runOnBot(bot, restart, input, options)).rejects.toMatchObject({
      code: 'unreachable',
      sent: false,
    })
    const minute = slept.reduce((sum, ms) => sum + ms, 0)
    expect(minute).toBeGreaterThan(50_000)
    expect(minute).toBeLessThanOrEqual(60_000)
  })

  it('is not tried again at a stranger, whose certificate is not trusted', async () => {
    const { bot, asked, options } = start(new TransportError('self-signed', false, { code: 'untrusted' }))
    await expect(runOnBot(bot, restart, input, options)).rejects.toMatchObject({ code: 'untrusted' })
    expect(asked).toHaveLength(1)
  })

  it.each([
    ['no attempt is answered', new TransportError('cut', true)],
    ['the last attempts are refused', new TransportError('refused', false)],
    ['another attempt is answered by a stranger', { status: 200, body: '<html>' }],
  ])('that was sent is unclear when %s, and says how to look', async (_, then) => {
    const { bot, asked, options } = start(
      new TransportError('cut', true),
      ...Array.from({ length: 100 }, () => then),
    )
    const error = await runOnBot(bot, restart, input, options).catch((caught: unknown) => caught)
    expect(error).toMatchObject({
      code: 'unclear',
      message: expect.stringContaining('"restart plex"'),
      data: { command: asked[0]?.body.key, text: 'restart plex' },
    })
    expect(error).toHaveProperty('hint', expect.stringContaining(String(asked[0]?.body.key)))
  })

  it('that only reads is unreachable, whatever was sent', async () => {
    const cut = Array.from({ length: 100 }, () => new TransportError('cut', true))
    const { bot, options } = start(...cut)
    const status = operation('lab.status')
    await expect(runOnBot(bot, status, validateInput(status, {}), options)).rejects.toMatchObject({
      code: 'unreachable',
    })
  })

  it.each([
    ['before it has begun', card('working'), {}],
    ['while it runs', card('working', { run: 'r1' }), { run: 'r1' }],
  ])(
    'that was taken goes on when the bot goes away %s: what is known of it is told',
    async (_, taken, run) => {
      const away = Array.from({ length: 100 }, () => new TransportError('refused', false))
      const { bot, asked, options } = start(taken, ...away)
      expect(await runOnBot(bot, restart, input, options)).toEqual({
        state: 'left',
        item: { completed: false, state: 'working', command: 'n8n:1', title: 'Restart plex', ...run },
      })
      expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(1)
    },
  )

  it('is followed to its end, or left when the time is over', async () => {
    const ended = start(
      card('working'),
      card('working', { run: 'r1' }),
      card('done', { run: 'r1', output: {} }),
    )
    expect(await runOnBot(ended.bot, restart, input, ended.options)).toMatchObject({
      state: 'done',
      run: 'r1',
    })
    expect(ended.asked.map(({ path }) => path.split('?')[1])).toEqual([
      undefined,
      'wait=25&until=started',
      expect.stringMatching(/^wait=\d+&until=done$/),
    ])
    const left = start(card('working', { run: 'r1' }))
    expect(await runOnBot(left.bot, restart, input, { ...left.options, limitMs: 0 })).toMatchObject({
      state: 'left',
      item: { completed: false, run: 'r1', command: 'n8n:1' },
    })
  })

  it('that nobody can answer is declined, and what it asked is told', async () => {
    const asking = card(
      'asking',
      {},
      {
        title: 'Stop plex?',
        sections: [{ kind: 'list', title: 'What will happen', items: ['Stop CT 110'] }],
        buttons: [
          { label: 'Confirm', action: { kind: 'confirm', id: 'q1' } },
          { label: 'Cancel', action: { kind: 'decline', id: 'q1' } },
        ],
      },
    )
    for (const [confirmed, code] of [
      [false, 'usage'],
      [true, 'denied'],
    ] as const) {
      const { bot, asked, options } = start(asking, card('done'))
      await expect(runOnBot(bot, restart, input, { ...options, confirmed })).rejects.toMatchObject({
        code,
        data: { plan: ['Stop CT 110'] },
      })
      expect(asked[0]?.body.confirmed).toBe(confirmed)
      expect(asked[1]).toMatchObject({
        path: '/api/cards/n8n%3A1/press',
        body: { action: { kind: 'decline', id: 'q1' } },
      })
    }
  })

  it('that fails says what the run says, with its log', async () => {
    const failed = card('done', { run: 'r1', error: 'failed' }, { text: 'It broke.' })
    const shown = card('done', {
      output: {
        run: {
          error: { code: 'locked', message: 'CT 110 is locked', hint: 'Wait.', data: { upid: 'UPID:…' } },
        },
        log: [{ at: 'x', text: 'one' }],
      },
    })
    const { bot, asked, options } = start(failed, shown)
    await expect(runOnBot(bot, restart, input, options)).rejects.toMatchObject({
      code: 'locked',
      message: 'CT 110 is locked',
      hint: 'Wait.',
      data: { upid: 'UPID:…', run: 'r1', log: ['one'] },
    })
    expect(asked[1]?.body.text).toBe('run show r1 lines:30')
  })

  it('that is refused says why, in the words of its card', async () => {
    const refused = card(
      'done',
      { error: 'denied' },
      {
        text: 'restart is for operators.',
        sections: [{ kind: 'text', title: 'Next step', text: 'Ask an admin.' }],
      },
    )
    const { bot, options } = start(refused)
    await expect(runOnBot(bot, restart, input, options)).rejects.toMatchObject({
      code: 'denied',
      message: 'restart is for operators.',
      hint: 'Ask an admin.',
    })
  })

  it('has the plan of a dry run and nothing else', async () => {
    const plan = { summary: 'Restart plex', steps: [], affects: [], warnings: [], locks: [], state: {} }
    const { bot, asked, options } = start(card('done', { output: plan }))
    expect(await planOnBot(bot, restart, input, options)).toEqual(plan)
    expect(asked[0]?.body.text).toBe('restart plex --dry-run')
  })

  it.each([
    [{ status: 401, body: { code: 'unauthorised', message: 'The API token is wrong.' } }, 'unauthorised'],
    [{ status: 429, body: { code: 'locked', message: 'n8n calls too often.' } }, 'locked'],
    [{ status: 200, body: '<html>' }, 'unreachable'],
    [{ status: 500, body: { code: 'new-code', message: 'x' } }, 'bug'],
  ])('answered %j is an error of its kind', async (answer, code) => {
    const { bot, options } = start(answer)
    await expect(runOnBot(bot, restart, input, options)).rejects.toMatchObject({ code })
  })
})

describe('the words of a command', () => {
  it('mean the same input', () => {
    expect(textOf(restart, input)).toBe('restart plex')
    const logs = operation('service.logs')
    expect(textOf(logs, validateInput(logs, { service: 'plex', grep: 'not found', since: '2h' }))).toBe(
      'logs plex since:2h grep:"not found"',
    )
  })

  it.each([[['--dry-run']], [['plex', '--dry-run']], [['plex', 'wait:false']], [['plex,radarr']]])(
    'are refused where they could mean another: %j',
    (services) => {
      expect(() => textOf(restart, validateInput(restart, { services }))).toThrow(/cannot be sent|missing/)
    },
  )

  it.each([`a "b" 'c'`, 'x" --dry-run "y', '--dry-run', 'wait:false'])('hold any value: %s', (grep) => {
    const logs = operation('service.logs')
    const wanted = validateInput(logs, { service: 'plex', grep })
    expect(parseCommand(textOf(logs, wanted), operations)).toMatchObject({
      operation: logs,
      input: wanted,
      dryRun: false,
    })
  })
})
