import type { Card, Section } from '@homelab/core'
import { describe, expect, it } from 'vitest'
import type { Posted } from '../chat/types.ts'
import { glance, run } from './console.fixture.ts'
import { meter, progressView } from './view/bar.ts'
import { cardView, versionOf } from './view/card.ts'
import { glanceLine, glanceView } from './view/glance.ts'
import { html, relative, render } from './view/html.ts'
import { runBody } from './view/runs.ts'
import { sectionView } from './view/section.ts'

const now = new Date('2026-11-23T10:02:00.000Z')
const context = { now, csrf: 'the-csrf' }

const posted = (card: Partial<Card>, rest: Partial<Posted> = {}): Posted => ({
  id: 'key-1',
  place: { surface: 'console', channel: 'desk' },
  caller: { id: 'console:local', name: 'you', role: 'admin', surface: 'chat' },
  command: 'restart plex',
  at: '2026-11-23T10:00:00.000Z',
  state: 'done',
  card: { title: 'plex is back', tone: 'ok', ...card },
  ...rest,
})

const show = (section: Section) => render(sectionView(section)).replace(/\s+/g, ' ')

describe('a section', () => {
  it('is text, with what one can type set off', () => {
    expect(show({ kind: 'text', title: 'Next step', text: 'Type `status` first' })).toBe(
      '<section class="section section-text"><h4>Next step</h4><p>Type <code>status</code> first</p></section>',
    )
  })

  it('is a list', () => {
    expect(show({ kind: 'list', items: ['one', 'two'] })).toContain('<ul><li>one</li><li>two</li></ul>')
  })

  it('is names with values', () => {
    expect(show({ kind: 'fields', fields: [{ name: 'Guest', value: 'CT 110' }] })).toContain(
      '<div><dt>Guest</dt><dd>CT 110</dd></div>',
    )
  })

  it('is a table with numbers to the right and tones in words', () => {
    const table = show({
      kind: 'table',
      columns: [{ name: 'Storage' }, { name: 'Full', align: 'right' }],
      rows: [['tesla', { text: '91 %', tone: 'error' }]],
    })
    expect(table).toContain('<th scope="col" class="num">Full</th>')
    expect(table).toMatch(/<td class="num"><span class="toned tone-error">.*Problem: <\/span>91 %/)
    expect(table).toMatch(/<div class="scroll" tabindex="0" role="region" aria-label="Storage, Full">/)
  })

  it('is output, shown from its end when that matters', () => {
    expect(show({ kind: 'code', text: 'a < b', keep: 'end' })).toMatch(
      /class="code code-end" tabindex="0".*<pre>a &lt; b<\/pre>/,
    )
    expect(show({ kind: 'code', text: 'x', keep: 'start' })).toContain('class="code"')
  })
})

describe('a bar', () => {
  it.each([
    [{ text: 'Copying', done: 3, total: 9, unit: 'items' as const }, '3 of 9', '33'],
    [{ text: 'Copying', done: 40, total: 100, unit: 'percent' as const }, '40 %', '40'],
    [{ text: 'Copying', done: 1024, total: 4096, unit: 'bytes' as const }, '1.0 KiB of 4.0 KiB', '25'],
    [{ text: 'Copying', done: 12, total: 9 }, '12 of 9', '100'],
  ])('of %o says %s', (progress, amount, value) => {
    const bar = render(progressView(progress))
    expect(bar).toContain(`<span class="num">${amount}</span>`)
    expect(bar).toMatch(new RegExp(`role="progressbar"[^>]*aria-valuenow="${value}"`))
  })

  it('without a known end moves and claims no number', () => {
    const bar = render(progressView({ text: 'Waiting' }))
    expect(bar).toContain('moving')
    expect(bar).not.toContain('aria-valuenow')
  })

  it.each([
    [0.5, 'tone-neutral', ''],
    [0.8, 'tone-warning', 'filling up'],
    [0.95, 'tone-error', 'nearly full'],
  ])('of a storage at %d is %s', (share, tone, word) => {
    const bar = render(meter('tesla', { share, warn: 80, crit: 90, detail: 'of 1 TiB' }))
    expect(bar).toContain(`track ${tone}`)
    expect(bar).toContain(`aria-valuetext="${Math.round(share * 100)} % of 1 TiB ${word}"`)
  })

  it('that could not be measured says so', () => {
    const bar = render(meter('Apollo', { share: undefined, warn: 80, crit: 90, detail: '' }))
    expect(bar).toContain('not measured')
    expect(bar).not.toContain('aria-valuenow')
  })
})

describe('a card', () => {
  it('shows what was typed, by whom, when, and how it ended', () => {
    const card = render(
      cardView(posted({ text: 'It answers.', footer: 'took 3 s' }, { run: 'r/1' }), context),
    )
    expect(card).toMatch(/<a class="said-text" href="\/\?text=restart%20plex"[^>]*>restart plex<\/a>/)
    expect(card).toMatch(/you · <time datetime="2026-11-23T10:00:00.000Z"[^>]*>2 min ago<\/time>/)
    expect(card).toContain('<span class="word">Done</span>')
    expect(card).toContain('<p class="card-foot"><span>took 3 s</span><a href="/runs/r%2F1">Its log</a></p>')
  })

  it.each([
    [{ tone: 'error' as const }, { error: 'failed' }, 'Failed'],
    [{ tone: 'warning' as const }, { error: 'cancelled' }, 'Cancelled'],
    [{ tone: 'busy' as const }, { state: 'working' as const }, 'Working'],
    [{ tone: 'neutral' as const }, { state: 'asking' as const }, 'Needs your answer'],
  ])('says its state in a word: %o %o', (card, rest, word) => {
    expect(render(cardView(posted(card, rest), context))).toContain(`<span class="word">${word}</span>`)
  })

  it('has a form for each button, with the proof of the session and a key', () => {
    const buttons = [
      { label: 'Stop it', style: 'danger' as const, action: { kind: 'confirm' as const, id: 'q1' } },
    ]
    const card = render(cardView(posted({ buttons }), context))
    expect(card).toContain('action="/console/cards/key-1/press"')
    expect(card).toContain('name="csrf" value="the-csrf"')
    expect(card).toMatch(/name="key" value="[\w-]{36}"/)
    expect(card).toContain('value="{&quot;kind&quot;:&quot;confirm&quot;,&quot;id&quot;:&quot;q1&quot;}"')
    expect(card).toMatch(/<button class="button button-danger"[^>]*>Stop it<\/button>/)
  })

  it('shows a drawing as an image, so that nothing in it runs', () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    const card = render(cardView(posted({ picture: { alt: 'CPU', svg } }), context))
    expect(card).toContain(`src="data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}"`)
    expect(card).not.toContain('alert(1)')
  })

  it('lets no name become markup, wherever it stands', () => {
    const evil = '<script>alert("1")</script>\'"'
    const everywhere: Card = {
      title: evil,
      tone: 'ok',
      text: evil,
      progress: { text: evil },
      picture: { alt: evil, svg: '<svg/>' },
      attachments: [{ name: evil, type: 'text/html', text: evil }],
      buttons: [{ label: evil, action: { kind: 'command', text: evil } }],
      footer: evil,
      sections: [
        { kind: 'text', title: evil, text: `${evil} \`${evil}\`` },
        { kind: 'list', title: evil, items: [evil] },
        { kind: 'fields', fields: [{ name: evil, value: evil }] },
        { kind: 'table', columns: [{ name: evil }], rows: [[evil], [{ text: evil, tone: 'error' }]] },
        { kind: 'code', title: evil, text: evil },
      ],
    }
    const card = render(
      cardView(
        posted(everywhere, {
          command: evil,
          caller: { id: evil, name: evil, role: 'viewer', surface: 'chat' },
          state: 'working',
        }),
        context,
      ),
    )
    expect(card).not.toContain('<script')
    expect(
      card.match(/&lt;script&gt;alert\(&quot;1&quot;\)&lt;\/script&gt;&#39;&quot;/g)?.length,
    ).toBeGreaterThan(15)
    // A quote that got through would end an attribute and begin another.
    expect(card).not.toMatch(/alert\("1"\)/)
  })

  it('has a version that changes with the card alone', () => {
    expect(versionOf(posted({}))).toBe(versionOf(posted({})))
    expect(versionOf(posted({}))).not.toBe(versionOf(posted({ text: 'more' })))
  })
})

describe('the lab at a glance', () => {
  it('says what is wrong first, and offers the command against it', () => {
    const panel = render(glanceView({ glance }, context))
    expect(panel.indexOf('Needs a look')).toBeLessThan(panel.indexOf('Services'))
    expect(panel).toMatch(
      /<strong>immich<\/strong> connection refused<\/span><a[^>]*data-type="restart immich"[^>]*>Restart/,
    )
    expect(panel).toContain('RAID degraded')
    expect(render(glanceLine({ glance }))).toContain('immich: connection refused')
  })

  it('gives each service its state in a word, its log, and a restart to type', () => {
    const panel = render(glanceView({ glance }, context)).replace(/\s+/g, ' ')
    expect(panel).toMatch(/plex<\/span> <span class="service-state tone-ok"[^>]*>Up</)
    expect(panel).toMatch(/name="text" value="logs plex"/)
    expect(panel).toMatch(/data-type="restart plex"/)
    expect(panel).toMatch(/sonarr<\/span> <span class="service-state tone-error"[^>]*>Stopped</)
    expect(panel).toMatch(/data-type="start sonarr"[^>]*>Start</)
  })

  it('says that all is well, that it is looking, and why it cannot', () => {
    const well = { ...glance, problems: [], services: glance.services.slice(0, 1) }
    expect(render(glanceLine({ glance: well }))).toContain('All is well: 1 of 1 services up')
    expect(render(glanceLine({}))).toContain('Looking at the lab')
    const failed = { glance, problem: { message: 'No connection to pve', hint: 'Is it on?' } }
    expect(render(glanceView(failed, context))).toMatch(/No connection to pve.*Is it on\?.*from before/s)
    expect(render(glanceView(failed, context))).toContain('plex')
  })
})

describe('a run', () => {
  it('shows its log and can be cancelled while it goes on', () => {
    const log = [{ at: '2026-11-23T10:00:02.000Z', text: 'sent <reboot>' }]
    const going = render(runBody(run, log, context))
    expect(going).toContain('10:00:02  sent &lt;reboot&gt;')
    expect(going).toContain('action="/runs/run-1/cancel"')
    const ended = { ...run, state: 'failed' as const, finishedAt: '2026-11-23T10:00:31.000Z' }
    const error = { code: 'failed' as const, message: 'got lock' }
    const over = render(runBody({ ...ended, error }, log, context))
    expect(over).not.toContain('cancel"')
    expect(over).toMatch(/got lock.*<dd>30 s<\/dd>/s)
  })
})

describe('markup', () => {
  it('takes no promise, which would show as one', async () => {
    expect(() => render(html`${Promise.resolve('late')}`)).toThrow(TypeError)
  })

  it.each([
    [5, 'just now'],
    [42, '42 s ago'],
    [3 * 60, '3 min ago'],
    [2 * 3600, '2 h ago'],
    [3 * 86_400, '2026-11-20 10:02'],
  ])('tells %d seconds as %s', (seconds, text) => {
    expect(relative(new Date(now.getTime() - seconds * 1000).toISOString(), now)).toBe(text)
  })
})
