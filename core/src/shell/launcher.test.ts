import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { Secret } from '../secret.ts'
import { launch, secretsToHide } from './launcher.ts'

const shells = [['sh'], ['dash'], ['bash'], ['busybox', 'sh']].filter(
  ([name = '']) => spawnSync(name, ['-c', ':']).error === undefined || name === 'sh',
)

/** The launcher's argv begins with `sh`: here another shell takes its place. No home: bash would read its profile. */
function run(shell: readonly string[], { argv, stdin }: ReturnType<typeof launch>) {
  const [name = 'sh', ...first] = shell
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' }
  return spawnSync(name, [...first, ...argv.slice(1)], { input: stdin ?? '', env })
}

const everyCharacter = Array.from({ length: 0x800 }, (_, code) => String.fromCodePoint(code))
  .slice(1)
  .join('')

const values: Readonly<Record<string, string>> = {
  PLAIN: 'plain',
  EMPTY: '',
  SPACES: '  two  spaces  ',
  NEWLINES: '\nfirst\n\nsecond\n\n',
  QUOTES: `it's "quoted"`,
  SHELL: '$(id) `id` $HOME ; rm -rf x & | > <',
  BACKSLASHES: '\\n \\0101 \\c \\',
  DASHES: '-n --help',
  PERCENT: '%s %d %b',
  CHARACTERS: everyCharacter,
  LONG: 'x'.repeat(100_000),
  _hl_other: 'near the names of the launcher itself',
}

describe.each(shells.map((shell) => ({ shell, name: shell.join(' ') })))('$name', ({ shell }) => {
  test('hands on every value, byte by byte', () => {
    const printing = [
      'sh',
      '-c',
      `for name; do eval 'printf "%s\\0" "$'"$name"'"'; done`,
      'x',
      ...Object.keys(values),
    ]
    const { stdout, stderr } = run(shell, launch(printing, { env: values }))
    expect(stderr.toString()).toBe('')
    expect(stdout.toString().split('\0').slice(0, -1)).toEqual(Object.values(values))
  })

  test('leaves the input behind the header untouched, binary and without a newline', () => {
    const stdin = new Uint8Array(70_000).map((_, index) => (index * 7) % 256)
    const { stdout } = run(shell, launch(['cat'], { secrets: { TOKEN: new Secret('a\nb') }, stdin }))
    expect(Buffer.compare(stdout, Buffer.from(stdin))).toBe(0)
  })

  test('takes the arguments as they are and leaves the exit code alone', () => {
    const argv = ['sh', '-c', 'printf "%s|" "$#" "$@"; exit 42', 'x', 'a b', '', '$HOME', "'"]
    const { stdout, status } = run(shell, launch(argv, { env: { A: '1' } }))
    expect(stdout.toString()).toBe("4|a b||$HOME|'|")
    expect(status).toBe(42)
  })

  test('leaves none of its own variables behind, and adds only what was asked for', () => {
    const bare = run(shell, { argv: ['sh', '-c', 'exec "$@"', 'x', 'env'], stdin: undefined })
    const { stdout } = run(shell, launch(['env'], { env: { A: '1' } }))
    const names = (text: Buffer) =>
      text
        .toString()
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split('=')[0])
    expect(names(stdout).sort()).toEqual([...names(bare.stdout), 'A'].sort())
  })

  test.each([
    ['', 'no header'],
    ['hello\n', 'no header'],
    ['2\nA\n1\nB\n', 'cut off'],
  ])('runs nothing when the header is %j', (stdin, message) => {
    const { argv } = launch(['echo', 'ran'], { env: { A: '1' } })
    const { stdout, stderr, status } = run(shell, { argv, stdin: new TextEncoder().encode(stdin) })
    expect(stdout.toString()).toBe('')
    expect(stderr.toString()).toContain(message)
    expect(status).toBe(125)
  })
})

test('without environment there is no launcher', () => {
  expect(launch(['uptime'])).toEqual({ argv: ['uptime'], stdin: undefined })
  expect(launch(['cat'], { stdin: 'hello', env: {} }).argv).toEqual(['cat'])
})

test('a secret is in stdin only', () => {
  const { argv, stdin } = launch(['restic', 'check'], {
    secrets: { RESTIC_PASSWORD: new Secret('hunter22') },
  })
  expect(argv.join(' ')).not.toContain('hunter22')
  expect(argv.join(' ')).not.toContain('RESTIC_PASSWORD')
  expect(new TextDecoder().decode(stdin)).toContain('hunter22')
})

test('refuses a name that no shell can export, and a NUL', () => {
  for (const name of ['', '1A', 'A-B', 'A B', 'A=B', 'A\nB', 'é']) {
    expect(() => launch(['env'], { env: { [name]: 'x' } })).toThrow('not a name')
  }
  expect(() => launch(['env'], { secrets: { A: new Secret('x\0y') } })).toThrow('NUL')
})

test('a secret of several lines is hidden line by line too', () => {
  const key = '-----BEGIN KEY-----\nabcdefghijkl\nxy\n-----END KEY-----\n'
  const hidden = secretsToHide({ KEY: new Secret(key), WORD: new Secret('word') }).map((secret) =>
    secret.reveal(),
  )
  expect(hidden).toEqual([key, '-----BEGIN KEY-----', 'abcdefghijkl', '-----END KEY-----', 'word'])
})
