import { chartSvg } from '@homelab/core/monitoring'
import { afterEach, expect, test } from 'vitest'
import { createPainter, type PainterOptions } from './painter.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]()
})

function painterWith(options: Partial<PainterOptions> = {}) {
  const problems: string[] = []
  const painter = createPainter({ onProblem: (problem) => problems.push(problem), ...options })
  open.push(painter)
  return { ...painter, problems }
}

/** A worker that dies of `kill`, hangs at `hang`, and else answers with what it got. */
const stub = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, threadId } from 'node:worker_threads'
    parentPort.on('message', ({ id, svg }) => {
      if (svg === 'kill') process.exit(3)
      if (svg !== 'hang') parentPort.postMessage({ id, png: new TextEncoder().encode(svg === 'thread' ? String(threadId) : svg) })
    })`)}`,
)
const textOf = (png: Uint8Array | undefined) => png && new TextDecoder().decode(png)

const svg = chartSvg({
  title: 'plex: CPU',
  from: 0,
  to: 3_600_000,
  series: [{ name: 'CPU', unit: 'share', stepMs: 60_000, points: [{ at: 60_000, value: 0.3 }] }],
  timezone: 'UTC',
})

test('draws a PNG of the size of the picture, with letters, in either theme', async () => {
  const { draw, problems } = painterWith({ timeoutMs: 60_000 })
  const [light, dark, wordless] = await Promise.all([
    draw(svg, 'light'),
    draw(svg, 'dark'),
    draw(svg.replace(/<text[^>]*>[^<]*<\/text>/g, ''), 'light'),
  ])
  expect(problems).toEqual([])
  const view = Buffer.from(light ?? [])
  expect(view.subarray(1, 4).toString()).toBe('PNG')
  expect([view.readUInt32BE(16), view.readUInt32BE(20)]).toEqual([800, 400])
  expect(Buffer.from(dark ?? []).equals(view)).toBe(false)
  // The font comes with us: on a machine without any the letters would be missing.
  expect(view.length).toBeGreaterThan((wordless?.length ?? 0) + 1_000)
}, 60_000)

test('what is no picture is left out, and the next one is drawn by the same worker', async () => {
  const { draw, problems } = painterWith({ timeoutMs: 60_000 })
  expect(await draw('<svg', 'light')).toBeUndefined()
  expect(problems).toHaveLength(1)
  expect((await draw(svg, 'light'))?.length).toBeGreaterThan(1_000)
}, 60_000)

test('a worker that dies or hangs costs one picture', async () => {
  const { draw, problems } = painterWith({ worker: stub, timeoutMs: 2_000 })
  const all = await Promise.all(['a', 'kill', 'b', 'hang', 'c'].map((text) => draw(text, 'light')))
  expect(all.map(textOf)).toEqual(['a', undefined, 'b', undefined, 'c'])
  expect(problems).toEqual(['the worker ended (3)', 'a picture took longer than 2 s'])
})

test('more pictures than may wait are left out, and so are those that are far too large', async () => {
  const { draw, problems } = painterWith({ worker: stub, most: 2 })
  const all = await Promise.all(['a', 'b', 'c', 'd'].map((text) => draw(text, 'light')))
  expect(all.map(textOf)).toEqual(['a', 'b', 'c', undefined])
  expect(await draw('x'.repeat(3_000_000), 'light')).toBeUndefined()
  expect(problems).toEqual(['too many pictures wait', 'a picture is too large'])
})

test('a worker with nothing to do is ended, and another one is begun when it is needed', async () => {
  const { draw } = painterWith({ worker: stub, idleMs: 1 })
  const first = textOf(await draw('thread', 'light'))
  await expect.poll(async () => textOf(await draw('thread', 'light')), { timeout: 5_000 }).not.toBe(first)
})

test('what waits at the end is left out at once', async () => {
  const painter = painterWith({ worker: stub })
  const waiting = Promise.all([painter.draw('hang', 'light'), painter.draw('a', 'light')])
  await painter[Symbol.asyncDispose]()
  expect(await waiting).toEqual([undefined, undefined])
  expect(await painter.draw('b', 'light')).toBeUndefined()
  expect(painter.problems).toEqual([])
})
