import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { unifiedDiff } from './unified-diff.ts'

const folder = mkdtempSync(join(tmpdir(), 'homelab-diff-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What `git apply` makes of it. */
function applied(before: string, diff: string): string {
  writeFileSync(join(folder, 'homelab.yaml'), before)
  const { status, stderr } = spawnSync('git', ['apply', '-p0', '--unidiff-zero', '-'], {
    cwd: folder,
    input: diff,
    encoding: 'utf8',
    env: { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() },
  })
  expect(status, stderr).toBe(0)
  return readFileSync(join(folder, 'homelab.yaml'), 'utf8')
}

test('one entry more is one hunk with three lines around it', () => {
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index}\n`)
  const after = [...lines.slice(0, 10), 'new\n', ...lines.slice(10)].join('')
  expect(unifiedDiff(lines.join(''), after)).toBe(`--- homelab.yaml
+++ homelab.yaml
@@ -8,6 +8,7 @@
 line 7
 line 8
 line 9
+new
 line 10
 line 11
 line 12
`)
  expect(unifiedDiff('a\n', 'a\n')).toBe('')
})

test('far changes are hunks of their own, and what lies between is left out', () => {
  const lines = Array.from({ length: 30_000 }, (_, index) => `line ${index}\n`)
  const after = ['first\n', ...lines.slice(0, 15_000), ...lines.slice(15_001), 'last\n'].join('')
  const diff = unifiedDiff(lines.join(''), after)
  expect(diff.match(/^@@.*@@$/gm)).toEqual([
    '@@ -1,3 +1,4 @@',
    '@@ -14998,7 +14999,6 @@',
    '@@ -29998,3 +29998,4 @@',
  ])
})

test('two texts with nothing in common are one out and the other in, soon', () => {
  const text = (word: string) => Array.from({ length: 3000 }, (_, index) => `${word} ${index}\n`).join('')
  expect(unifiedDiff(text('a'), text('b'))).toContain('@@ -1,3000 +1,3000 @@')
})

test.each([
  ['a', 'a\nb'],
  ['a\r\nb\r\n', 'a\r\nc: 1\r\nb\r\n'],
  ['a\nb\nc\n', 'c\nb\na\n'],
  ['a\nb\n', 'b'],
  ['x\na\nb\nc\na\nb\nb\na\n', 'c\nb\na\nb\na\nc\n'],
])('what `git apply` makes of %j is %j', (before, after) => {
  expect(applied(before, unifiedDiff(before, after))).toBe(after)
  expect(applied(before, unifiedDiff(before, after, { context: 0 }))).toBe(after)
})
