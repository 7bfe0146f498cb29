/** A small desk in memory for the tests of the API and the console: the same promises, made-up answers. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Caller, type Card, type Completion, errorCard, errorData, HomelabError } from '@homelab/core'
import type { Board, Command, Desk, Posted } from '../chat/types.ts'

type Handler = (
  words: readonly string[],
  show: (posted: Partial<Posted> & { card: Card }) => void,
  pace: number,
) => Promise<Card>

export interface FixtureDesk extends Desk {
  /** Every command that was taken, by the desk's own count: a repeated key is one. */
  readonly taken: readonly Command[]
  /** Puts any card on the board. */
  post(posted: Posted): void
}

const commands = ['restart', 'status', 'logs', 'stop', 'help']
const services = ['plex', 'postgresql', 'prowlarr', 'prometheus', 'radarr', 'sonarr']

const answers: Record<string, Handler> = {
  async restart([name = ''], show, pace) {
    if (!services.includes(name))
      throw new HomelabError('not-found', `No service "${name}". Did you mean plex?`, {
        hint: '`status` lists all.',
      })
    for (const done of [10, 45, 80]) {
      await sleep(pace)
      show({
        card: {
          title: `Restarting ${name}`,
          tone: 'busy',
          text: 'CT 110 on pve',
          progress: { text: 'Waiting for the guest', done, total: 100, unit: 'percent' },
          buttons: [{ label: 'Cancel', action: { kind: 'command', text: 'run cancel r1' } }],
        },
      })
    }
    await sleep(pace)
    return {
      title: `${name} is back`,
      tone: 'ok',
      text: 'It answers its health check.',
      sections: [
        {
          kind: 'fields',
          fields: [
            { name: 'Guest', value: 'CT 110 on pve' },
            { name: 'Down for', value: '3.4 s' },
            { name: 'Health', value: 'HTTP 200 in 12 ms' },
          ],
        },
      ],
      buttons: [{ label: 'Logs', action: { kind: 'command', text: `logs ${name}` } }],
      footer: 'run r1 · 3.6 s',
    }
  },
  async status() {
    return {
      title: 'The lab is fine',
      tone: 'ok',
      sections: [
        {
          kind: 'table',
          title: 'Storage',
          columns: [{ name: 'Storage' }, { name: 'Used', align: 'right' }, { name: 'Share', align: 'right' }],
          rows: [
            ['tesla', '612 GiB', { text: '66 %', tone: 'neutral' }],
            ['Apollo', '40.1 TiB', { text: '91 %', tone: 'error' }],
          ],
        },
      ],
    }
  },
  async logs([name = '']) {
    return {
      title: `Log of ${name}`,
      tone: 'neutral',
      sections: [{ kind: 'code', text: 'started\nlistening on 32400', keep: 'end' }],
    }
  },
  async stop([name = '']) {
    return { title: `${name} is stopped`, tone: 'ok' }
  },
  async help() {
    return { title: 'What you can do', tone: 'neutral', sections: [{ kind: 'list', items: commands }] }
  },
}

/** @param pace milliseconds between the steps of a run */
export function createFixtureDesk(pace = 5): FixtureDesk {
  const cards = new Map<string, Posted>()
  const listeners = new Set<{ surface: string; listener: (posted: Posted) => void }>()
  const taken: Command[] = []

  const post = (posted: Posted) => {
    cards.set(posted.id, posted)
    for (const { surface, listener } of listeners) if (surface === posted.place.surface) listener(posted)
  }
  const change = (id: string, to: Partial<Posted> & { card: Card }) => {
    const before = cards.get(id)
    if (before !== undefined && before.state !== 'done') post({ ...before, ...to })
  }

  async function run(id: string, text: string): Promise<void> {
    const [name = '', ...words] = text.split(/\s+/)
    try {
      const answer = answers[name]
      if (answer === undefined)
        throw new HomelabError('usage', `No command "${name.slice(0, 40)}".`, {
          hint: 'Type `help` for the commands.',
        })
      const card = await answer(words, (to) => change(id, to), pace)
      change(id, { card, state: 'done', output: { ok: true } })
    } catch (error) {
      const data = errorData(error)
      change(id, { card: errorCard(data), state: 'done', error: data.code })
    }
  }

  const board: Board = {
    get: (id) => cards.get(id),
    recent: (place, limit) =>
      [...cards.values()]
        .filter((card) => place.surface === undefined || card.place.surface === place.surface)
        .slice(-limit),
    subscribe(surface, listener) {
      const entry = { surface, listener }
      listeners.add(entry)
      return () => listeners.delete(entry)
    },
  }

  const submit = (command: Command): Posted => {
    const known = cards.get(command.key)
    if (known !== undefined) return known
    taken.push(command)
    const text = command.text.trim().replace(/^\/homelab\s+/, '')
    const asks = text.startsWith('stop ') && command.confirmed !== true
    const posted: Posted = {
      id: command.key,
      place: command.place,
      caller: command.caller,
      command: command.text,
      at: new Date().toISOString(),
      state: asks ? 'asking' : 'working',
      card: asks
        ? {
            title: `Stop ${text.slice(5)} (CT 110 on pve)?`,
            tone: 'warning',
            sections: [
              { kind: 'list', title: 'What will happen', items: ['Shut down CT 110 cleanly'] },
              { kind: 'list', title: 'What will notice', items: ['tautulli: reads from it'] },
            ],
            buttons: [
              { label: 'Stop it', style: 'danger', action: { kind: 'confirm', id: `${command.key}-ask` } },
              { label: 'Leave it', action: { kind: 'decline', id: `${command.key}-ask` } },
            ],
          }
        : { title: 'Working on it', tone: 'busy' },
    }
    post(posted)
    if (!asks) void run(posted.id, text)
    return posted
  }

  return {
    board,
    stored: () => Promise.resolve(),
    taken,
    post,
    submit,
    press(cardId, action, caller, key) {
      const card = cards.get(cardId)
      if (card === undefined) throw new HomelabError('not-found', 'This card is gone.')
      if (action.kind === 'command') return submit({ text: action.text, caller, place: card.place, key })
      if (caller.id !== card.caller.id) throw new HomelabError('denied', 'Somebody else was asked.')
      if (card.state !== 'asking') return card
      if (action.kind === 'decline')
        change(cardId, { card: { title: 'Left as it is', tone: 'neutral' }, state: 'done' })
      else {
        change(cardId, { card: { title: 'Stopping', tone: 'busy' }, state: 'working' })
        void run(cardId, card.command.trim().replace(/^\/homelab\s+/, ''))
      }
      return cards.get(cardId) ?? card
    },
    complete(line): readonly Completion[] {
      const start = line.lastIndexOf(' ') + 1
      const typed = line.slice(start)
      return (start === 0 ? commands : services)
        .filter((word) => word.startsWith(typed))
        .map((value) => ({
          value,
          line: `${line.slice(0, start)}${value} `,
          label: start === 0 ? '' : 'CT 110 on pve · running',
        }))
    },
    history: (caller, limit) => [
      ...new Set(
        taken
          .filter((command) => command.caller.id === caller.id)
          .map(({ text }) => text)
          .reverse()
          .slice(0, limit),
      ),
    ],
    settled(cardId, options) {
      const { promise, resolve, reject } = Promise.withResolvers<Posted>()
      const settled = (card: Posted) =>
        card.id === cardId && (card.state === 'done' || (card.state === 'asking' && options?.asking === true))
      const now = cards.get(cardId)
      if (now === undefined) reject(new HomelabError('not-found', 'This card is gone.'))
      else if (settled(now)) resolve(now)
      else {
        const stop = board.subscribe(now.place.surface, (card) => {
          if (!settled(card)) return
          stop()
          resolve(card)
        })
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason))
      }
      return promise
    },
    resume: async () => {},
    isPrivate: (text) => text === 'help',
    tell(place, id, card, state = 'done') {
      const caller: Caller = { id: 'homelab:bot', name: 'homelab', role: 'nobody', surface: 'chat' }
      const posted: Posted = {
        id,
        place,
        caller,
        command: '',
        at: new Date().toISOString(),
        card,
        state: state === 'live' ? 'working' : 'done',
      }
      post(posted)
      return posted
    },
    approvals: undefined,
    stop: () => {},
  }
}
