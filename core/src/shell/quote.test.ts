import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { quoteArgv } from './quote.ts'

const nasty = [
  '',
  ' ',
  "it's",
  "'",
  "''",
  "'\\''",
  '"double"',
  'back\\slash',
  'trailing\\',
  'new\nline',
  '\n',
  'carriage\r\nreturn',
  'tab\there',
  '$HOME',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: shell, not a template
  '${HOME}',
  '$(id)',
  '`id`',
  '!history',
  '*',
  '?',
  '[a-z]',
  '{a,b}',
  '~',
  '~root',
  '-n',
  '--',
  '--flag=value with space',
  '#comment',
  'a;b',
  'a&b',
  'a|b',
  '<in>out',
  '(sub)',
  'A=b',
  '=ls',
  '%1',
  'ünï→😀',
  '\u0081\u0088\u00ff',
  '\x01\x1b[0m\x7f',
]

const shells = ['sh', 'dash', 'bash', 'busybox sh'].filter((shell) => run(shell, ':').error === undefined)

function run(shell: string, line: string) {
  const [name = 'sh', ...first] = shell.split(' ')
  return spawnSync(name, [...first, '-c', line])
}

test.each(shells)('%s takes every argument as it is', (shell) => {
  const { stdout, stderr } = run(shell, quoteArgv(['printf', '%s\\0', ...nasty]))
  expect(stderr.toString()).toBe('')
  expect(stdout.toString().split('\0').slice(0, -1)).toEqual(nasty)
})

test('the program itself is never a keyword, an assignment or an alias', () => {
  for (const name of ['if', 'A=b', '!', '~/x']) {
    const { status, stderr } = run('sh', quoteArgv([name]))
    expect(status).toBe(127)
    expect(stderr.toString()).toContain('not found')
  }
})

test('ordinary words stay readable', () => {
  expect(quoteArgv(['pct', 'exec', '110', '--keep-env', '0', '--', 'journalctl', '-u', 'plex.service'])).toBe(
    "'pct' exec 110 --keep-env 0 -- journalctl -u plex.service",
  )
})

test('refuses what no process can be given', () => {
  expect(() => quoteArgv([])).toThrow('needs a program')
  expect(() => quoteArgv(['', 'x'])).toThrow('needs a program')
  expect(() => quoteArgv(['echo', 'a\0b'])).toThrow('NUL')
})
