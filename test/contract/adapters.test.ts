/** What holds for a card wherever it is shown: nothing is refused, lost in silence, misread, or used to ping. */
import { randomInt } from 'node:crypto'
import type { Card } from '@homelab/core'
import { describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { anyCard, random } from './any-card.ts'
import { corpus, everywhere, marked, now, odd, pinging, posted } from './cards.ts'
import { consoleDriver } from './drivers/console.ts'
import { discordDriver } from './drivers/discord.ts'
import type { Driver } from './drivers/driver.ts'
import { slackDriver } from './drivers/slack.ts'
import { faultsOf, plain } from './faults.ts'
import { smaller } from './smaller.ts'

const drivers: readonly Driver[] = [consoleDriver, discordDriver, slackDriver]
const generated = 2_000

describe.each(drivers)('a card in $name', (driver) => {
  const faults = (card: Posted) => faultsOf(card, driver.render(card, now))

  it.each(corpus)('$name', ({ posted: card }) => {
    expect(faults(card)).toEqual([])
  })

  it.each(pinging)('pings nobody with %s', (name) => {
    const card = posted(everywhere(name), {
      command: name,
      caller: { ...posted(everywhere('')).caller, name },
    })
    const shown = driver.render(card, now)
    expect(shown.pings).toEqual([])
    expect(faultsOf(card, shown)).toEqual([])
  })

  describe.each(marked)('with %s for a name', (name) => {
    it.each<[string, Card, number?]>([
      ['title', { title: name, tone: 'ok' }],
      [
        'title of a section',
        { title: 'x', tone: 'ok', sections: [{ kind: 'text', title: name, text: 'x' }] },
      ],
      [
        'name of a field',
        { title: 'x', tone: 'ok', sections: [{ kind: 'fields', fields: [{ name, value: 'x' }] }] },
      ],
      [
        'field',
        { title: 'x', tone: 'ok', sections: [{ kind: 'fields', fields: [{ name: 'x', value: name }] }] },
      ],
      [
        'cell',
        {
          title: 'x',
          tone: 'ok',
          sections: [{ kind: 'table', columns: [{ name: 'n' }, { name: 'm' }], rows: [[name, 'x']] }],
        },
      ],
      [
        'column',
        {
          title: 'x',
          tone: 'ok',
          sections: [{ kind: 'table', columns: [{ name }, { name: 'm' }], rows: [['x', 'x']] }],
        },
      ],
      ['output', { title: 'x', tone: 'ok', sections: [{ kind: 'code', text: `x\n${name}\nx` }] }],
      ['item', { title: 'x', tone: 'ok', sections: [{ kind: 'list', items: [name, `${name} is up`] }] }],
      ['text', { title: 'x', tone: 'ok', text: `${name}\n${name} is up` }],
      ['sentence', { title: 'x', tone: 'ok', sections: [{ kind: 'text', text: `Restart ${name} now` }] }],
      ['progress', { title: 'x', tone: 'busy', progress: { text: name } }],
      [
        'button',
        { title: 'x', tone: 'ok', buttons: [{ label: name, action: { kind: 'command', text: name } }] },
      ],
      [
        'choice',
        {
          title: 'x',
          tone: 'ok',
          choices: {
            prompt: 'Which?',
            options: [{ label: name, hint: name, action: { kind: 'form', text: name } }],
          },
        },
      ],
      [
        'prompt',
        {
          title: 'x',
          tone: 'ok',
          choices: { prompt: name, options: [{ label: 'x', action: { kind: 'command', text: 'x' } }] },
        },
      ],
      ['small print', { title: 'x', tone: 'ok', footer: name }],
    ])('shows it as it is in a %s', (_, card) => {
      const { text, buttons } = driver.render(posted(card), now)
      const all = [text, ...buttons.map(({ label, hint = '' }) => `${label}\n${hint}`)].join('\n')
      expect(plain(all)).toContain(plain(name))
      expect(faults(posted(card))).toEqual([])
    })
  })

  it.each(odd)('keeps a row a row with %j in it', (name) => {
    const rows = [
      ['one', name, '1'],
      [name, 'two', '2'],
    ]
    const card = posted({
      title: 'Guests',
      tone: 'ok',
      sections: [
        { kind: 'table', columns: [{ name: 'a' }, { name: 'b' }, { name: 'c', align: 'right' }], rows },
      ],
    })
    const { text } = driver.render(card, now)
    const seen = plain(text)
    expect(seen.indexOf('one')).toBeGreaterThanOrEqual(0)
    expect(seen.indexOf('one')).toBeLessThan(seen.indexOf('two'))
    expect(faults(card)).toEqual([])
  })

  it(`holds for ${generated} cards of anything`, () => {
    // The same cards each time, so that a change and not chance makes it fail; `SEED=random` looks for new ones.
    const { SEED: given = '20261125' } = process.env
    const seed = given === 'random' ? randomInt(2 ** 31) : Number(given)
    const chance = random(seed)
    for (let number = 0; number < generated; number++) {
      const card = anyCard(chance)
      const found = faults(card)
      if (found.length === 0) continue
      const smallest = smaller(card, faults)
      const facts = `SEED=${seed}, card ${number}: ${faults(smallest).join('; ')}\n${JSON.stringify(smallest.card)}`
      expect.fail(facts.slice(0, 4_000))
    }
  }, 120_000)
})
