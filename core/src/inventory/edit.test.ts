import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { withEntry, withoutEntry } from './edit.ts'
import { parseInventory } from './parse.ts'

const example = readFileSync(new URL('../../../homelab.example.yaml', import.meta.url), 'utf8')
const jellyfin = { guest: 211, port: 8096, health: { http: '/health' }, needs: ['traefik'] }
const add = (text: string, path = ['services', 'new']) => withEntry(text, path, { guest: 1 })

test('an entry stands behind the others of its section, with its comment, as people write it', () => {
  const text = `services:
  # Media
  plex:
    guest: 110
    # port: 32400

# Storages
storages: {}
`
  const after = withEntry(text, ['services', 'jellyfin'], jellyfin, {
    comment: 'Made on Monday.\nBy homelab.',
  })
  expect(after).toBe(`services:
  # Media
  plex:
    guest: 110
    # port: 32400
  # Made on Monday.
  # By homelab.
  jellyfin:
    guest: 211
    port: 8096
    health: { http: /health }
    needs: [ traefik ]

# Storages
storages: {}
`)
  expect(withoutEntry(after, ['services', 'jellyfin'], { comment: 'Made on' })).toBe(text)
  expect(withoutEntry(after, ['services', 'jellyfin'])).toContain('  # By homelab.\n\n# Storages')
})

test.each([
  ['an empty text', '', 'services:\n  new:\n    guest: 1\n'],
  ['comments alone', '# mine\n', '# mine\n\nservices:\n  new:\n    guest: 1\n'],
  ['the mark of a document', '---\n', '---\nservices:\n  new:\n    guest: 1\n'],
  ['no such section', 'name: x\n', 'name: x\n\nservices:\n  new:\n    guest: 1\n'],
  ['no line end at the end', 'name: x', 'name: x\n\nservices:\n  new:\n    guest: 1'],
  ['an empty section', 'services:\n\nname: x\n', 'services:\n  new:\n    guest: 1\n\nname: x\n'],
  [
    'one with a comment',
    'services: # all\n  # none yet\nname: x\n',
    'services: # all\n  # none yet\n  new:\n    guest: 1\nname: x\n',
  ],
  ['null', 'services: null # none\nname: x\n', 'services: # none\n  new:\n    guest: 1\nname: x\n'],
  ['~ at the end', 'name: x\nservices: ~', 'name: x\nservices:\n  new:\n    guest: 1'],
  ['{}', 'services: {}\nname: x\n', 'services:\n  new:\n    guest: 1\nname: x\n'],
  [
    'four spaces',
    'services:\n    plex:\n        guest: 110\n',
    'services:\n    plex:\n        guest: 110\n    new:\n        guest: 1\n',
  ],
  [
    'no settings',
    'services:\n  plex: # by its name\nname: x\n',
    'services:\n  plex: # by its name\n  new:\n    guest: 1\nname: x\n',
  ],
  [
    'air between',
    'services:\n  a:\n    guest: 2\n\n  b:\n    guest: 3\n\nname: x\n',
    'services:\n  a:\n    guest: 2\n\n  b:\n    guest: 3\n\n  new:\n    guest: 1\n\nname: x\n',
  ],
  [
    'CRLF',
    'services:\r\n  plex:\r\n\r\nname: x\r\n',
    'services:\r\n  plex:\r\n  new:\r\n    guest: 1\r\n\r\nname: x\r\n',
  ],
  ['a byte order mark', '\uFEFFservices:\n  plex:\n', '\uFEFFservices:\n  plex:\n  new:\n    guest: 1\n'],
  [
    'braces',
    'services: { plex: { guest: 110 } } # all\n',
    'services: { new: { guest: 1 }, plex: { guest: 110 } } # all\n',
  ],
  ['tight braces', '{services: {plex: {}}}', '{services: {new: { guest: 1 }, plex: {}}}'],
  [
    'JSON',
    '{\n  "services": {\n    "plex": {} // x\n  }\n}\n'.replace(' // x', ''),
    '{\n  "services": {\n    new: { guest: 1 },\n    "plex": {}\n  }\n}\n',
  ],
  [
    'braces over lines',
    'services: { # all\n  plex: { guest: 110 }, # one\n}\n',
    'services: { # all\n  new: { guest: 1 },\n  plex: { guest: 110 }, # one\n}\n',
  ],
  ['null in braces', '{ name: x, services: null }\n', '{ name: x, services: { new: { guest: 1 } } }\n'],
  ['nothing in braces', '{ services: , name: x }\n', '{ services: { new: { guest: 1 } } , name: x }\n'],
  ['{} at the top', '{}\n', '{ services: { new: { guest: 1 } } }\n'],
  [
    'a long text at the end',
    'services:\n  plex:\n    title: |\n      one\n\n      two\nname: x\n',
    'services:\n  plex:\n    title: |\n      one\n\n      two\n  new:\n    guest: 1\nname: x\n',
  ],
  [
    'a list at the end',
    'services:\n  plex:\n    needs:\n    - a # x\n    -\nname: x\n',
    'services:\n  plex:\n    needs:\n    - a # x\n    -\n  new:\n    guest: 1\nname: x\n',
  ],
  [
    'the end of the document',
    'services:\n  plex:\n...\n# over\n',
    'services:\n  plex:\n  new:\n    guest: 1\n...\n# over\n',
  ],
  [
    'an anchor that nobody uses',
    'services: &all\n  plex: &plex\n',
    'services: &all\n  plex: &plex\n  new:\n    guest: 1\n',
  ],
])('%s', (_, text, wanted) => {
  expect(add(text)).toBe(wanted)
  expect(add(wanted), 'a second time').toBe(wanted)
  const without = withoutEntry(wanted, ['services', 'new'])
  expect(withoutEntry(without, ['services', 'new']), 'without it a second time').toBe(without)
  expect(without).not.toContain('guest: 1\n')
  if (text.includes('plex')) expect(without).toBe(text)
})

test('sections in sections are made, and what is left empty says so', () => {
  const text = 'network:\n  domain: example.org\n'
  const after = withEntry(text, ['network', 'routes', 'tv.example.org'], 'jellyfin')
  expect(after).toBe('network:\n  domain: example.org\n  routes:\n    tv.example.org: jellyfin\n')
  const back = withoutEntry(after, ['network', 'routes', 'tv.example.org'])
  expect(back).toBe('network:\n  domain: example.org\n  routes: {}\n')
  expect(parseInventory(back).network.routes).toEqual([])
  expect(withEntry(back, ['network', 'routes', 'tv.example.org'], 'jellyfin')).toBe(after)
})

test('an entry without settings, names that need quotes, values of every kind', () => {
  expect(withEntry('services:\n  plex:\n', ['services', 'sonarr'], null)).toBe(
    'services:\n  plex:\n  sonarr:\n',
  )
  const value = {
    one: 'it\'s: # "x"\n\t\u2028 {{ y }}',
    two: [null, true, '1', 'null', '', ' x ', { deep: ['a, b', '*x', '!y', '@z', '%'] }],
    three: Array.from({ length: 20 }, (_, index) => ({ path: `/a/long/path/number/${index}` })),
    '~': { '110': 0.5, 'a: b': -1, no: 'yes' },
    left: undefined,
  }
  for (const text of ['services:\n  plex:\n', 'services: { plex: }\n', 'services:\r\n    plex:\r\n']) {
    const after = withEntry(text, ['services', '5: x'], value)
    expect(withEntry(after, ['services', '5: x'], value)).toBe(after)
    expect(withoutEntry(after, ['services', '5: x'])).toBe(text)
  }
})

describe('is refused', () => {
  test.each([
    ['services: &s\n  plex:\nother: *s\n', 'the file would say something else, too'],
    ['base: &s\n  plex:\nservices: *s\n', 'the section is written as *name'],
    ['services: 5\n', 'services is no map'],
    ['services:\n- plex\n', 'services is no map'],
    ['services:\n  new:\n    guest: 2\n', 'stands in homelab.yaml already'],
    ['base: &b\n  new: { guest: 2 }\nservices:\n  <<: *b\n', 'stands in homelab.yaml already'],
  ])('%j', (text, why) => {
    expect(() => add(text)).toThrow(
      expect.objectContaining({ code: 'conflict', message: expect.stringContaining(why) }),
    )
  })

  test.each([
    ['services:\n\tplex:\n', 'homelab.yaml:2 begins with a tab'],
    ['services: [\n', 'homelab.yaml:2:1 '],
    ['a: 1\na: 2\n', '"a" stands here a second time'],
  ])('%j', (text, why) => {
    expect(() => add(text)).toThrow(
      expect.objectContaining({ code: 'config', message: expect.stringContaining(why) }),
    )
    expect(() => withoutEntry(text, ['services', 'new'])).toThrow(why)
  })

  test('what others refer to is not taken out', () => {
    const text = 'services:\n  a: &a { guest: 1 }\n  b: *a\n'
    expect(() => withoutEntry(text, ['services', 'a'])).toThrow('the file would say something else, too')
    expect(withoutEntry(text, ['services', 'b'])).toBe('services:\n  a: &a { guest: 1 }\n')
    const merged = 'base: &b\n  new: { guest: 2 }\nservices:\n  <<: *b\n  plex:\n'
    expect(() => withoutEntry(merged, ['services', 'new'])).toThrow('it comes from another section by <<')
  })

  test.each([[[]], [['']], [['services', '__proto__']], [['<<']], [['a\nb']]])('the path %j', (path) => {
    expect(() => withEntry('', path, 1)).toThrow(expect.objectContaining({ code: 'usage' }))
  })
})

test('the refusal says what to write by hand', () => {
  expect(() => withEntry('services: 5', ['services', 'new'], { guest: 1 })).toThrow(
    expect.objectContaining({ hint: 'Write it there by hand:\nservices:\n  new:\n    guest: 1' }),
  )
})

test('the example with any entry taken out and put back says the same, and the rest of it is as it was', () => {
  const whole = parseInventory(example)
  for (const { name } of whole.services.filter((_, index) => index % 4 === 0)) {
    const path = ['services', name]
    const without = withoutEntry(example, path)
    const lines = new Set(without.split('\n'))
    expect(
      example
        .split('\n')
        .filter((line) => lines.has(line))
        .join('\n'),
    ).toContain('storages:')
    const value = { guest: 999, title: name }
    const after = withEntry(without, path, value)
    expect(withoutEntry(after, path)).toBe(without)
    expect(only(without, after)).toMatch(new RegExp(`^ +${name}:\n +guest: 999\n +title: ${name}\n$`))
  }
  const after = withEntry(example, ['services', 'new'], jellyfin)
  const { services, ...rest } = parseInventory(after)
  expect(services.filter(({ name }) => name !== 'new')).toEqual(whole.services)
  expect(services.find(({ name }) => name === 'new')).toMatchObject({
    guest: 211,
    port: 8096,
    needs: ['traefik'],
  })
  expect({ ...rest, services: whole.services }).toEqual(whole)
})

/** What `after` has more, in one piece. */
function only(before: string, after: string): string {
  let head = 0
  while (head < before.length && before[head] === after[head]) head++
  // Lines that begin alike: the piece is one of whole lines.
  if (head < before.length) head = after.lastIndexOf('\n', head - 1) + 1
  const tail = before.length - head
  expect(after.slice(0, head) + after.slice(after.length - tail)).toBe(before)
  return after.slice(head, after.length - tail)
}

/** The same numbers on every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

/** A file as somebody could have written it: any indentation, comments and empty lines anywhere. */
function anyFile(roll: (sides: number) => number): string {
  const eol = roll(4) === 0 ? '\r\n' : '\n'
  const step = ' '.repeat(1 + roll(4))
  const some = <T>(...all: T[]): T => all[roll(all.length)] as T
  const noise = (margin: string) =>
    Array.from({ length: roll(3) }, () => some('', `${margin}# ${some('plex:', 'x', '- {')}`, '   '))
  const scalar = () =>
    some(
      '110',
      "'a: b'",
      '"x # y"',
      'plain text # why',
      '[a, b]',
      '{ http: /ping }',
      '',
      'null',
      '|\n@@block',
    )
  const entry = (name: string, margin: string): string[] => {
    const inner = margin + step
    if (roll(5) === 0)
      return [`${margin}${name}: ${some('{ guest: 1, port: 2 } # x', '', '# no settings', '&anchor')}`]
    const keys = ['guest', 'title', 'needs', 'health'].slice(0, 1 + roll(4))
    return [
      `${margin}${name}:${some('', ' # why')}`,
      ...keys.flatMap((key) => [
        ...noise(some(inner, margin, '')),
        ...`${inner}${key}: ${scalar()}`.replaceAll('@@', `${inner} `).split('\n'),
      ]),
    ]
  }
  const section = (name: string): string[] => {
    const names = ['plex', 'sonarr', 'a.b', '"1"'].slice(0, roll(5))
    if (names.length === 0) return [`${name}:${some('', ' {}', ' null', ' # none', ' ~ # none')}`]
    if (roll(4) === 0)
      return [
        `${name}: {${some(' ', '')}${names.map((each) => `${each}: ${some('1', '{ a: 1 }', '')}`).join(', ')}${some(' ', ' , ', '')}} ${some('', '# x')}`,
      ]
    return [`${name}:`, ...names.flatMap((each) => [...noise(step), ...entry(each, step)])]
  }
  const lines = [
    ...noise(''),
    ...['name', 'services', 'backups']
      .slice(roll(2))
      .flatMap((each) => [...(each === 'name' ? ['name: x'] : section(each)), ...noise(some('', step))]),
  ]
  return lines.join(eol) + some(eol, eol, '')
}

test('in any file: one piece of whole lines more, and taken out again the text is what it was', () => {
  let whole = 0
  for (let seed = 1; seed <= 200; seed++) {
    const roll = dice(seed * 7919)
    const text = anyFile(roll)
    const path = [['services', 'backups', 'people'][roll(3)] as string, 'new']
    let after: string
    try {
      after = withEntry(text, path, jellyfin, roll(2) === 0 ? { comment: 'By homelab.' } : {})
    } catch (error) {
      expect.fail(`${JSON.stringify(text)} ${path.join('.')}: ${String(error)}`)
    }
    const isSection = new RegExp(`^${path[0]}:\\s*(?:#.*)?$`, 'm').exec(text) !== null
    const inBraces = new RegExp(`^${path[0]}: *\\{`, 'm').exec(text) !== null
    const isToken = new RegExp(`^${path[0]}: (?:null|~|\\{\\})`, 'm').exec(text) !== null
    if (!isToken && !inBraces) expect(only(text, after)).toMatch(/new:/)
    const without = withoutEntry(after, path, { comment: 'By homelab' })
    // What was empty before says so now.
    const hadEntries = inBraces
      ? !isToken
      : isSection && /^\s+[^\s#]/m.test(sectionOf(text, path[0] as string))
    if (hadEntries) {
      whole++
      expect(without).toBe(text)
    }
    // Every entry that is there can be taken out.
    for (const name of ['plex', 'sonarr', 'a.b', '1']) {
      const less = withoutEntry(text, ['services', name])
      expect(withoutEntry(less, ['services', name])).toBe(less)
    }
  }
  expect(whole).toBeGreaterThan(40)
})

const sectionOf = (text: string, name: string): string =>
  new RegExp(`^${name}:[^\\n]*\\n((?:[ \\t]+[^\\n]*(?:\\n|$)|\\s*\\n|#[^\\n]*\\n)*)`, 'm').exec(text)?.[1] ??
  ''
