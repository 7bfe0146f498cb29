import { expect, test } from 'vitest'
import type { Clock, Shell } from '../ports.ts'
import { chooseFiles, isUnder } from './drill-sample.ts'
import type { Opened, Place } from './place.ts'
import { failedDrillTags } from './proofs.ts'
import { createRestic } from './restic/restic.ts'

const now = new Date('2026-11-26T02:00:00Z')
const names = (folder: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${folder}/${at}.jpg`)

/** What is chosen of a snapshot with many other files, when a drill has failed by these. */
async function chosen(paths: readonly string[], count: number): Promise<readonly string[]> {
  const tags = failedDrillTags({ plan: 'photos', of: 'abc', run: 'r1', whose: 'backup', paths })
  const said = {
    snapshots: JSON.stringify([{ id: 'f', time: now.toISOString(), tags }]),
    ls: [...names('/p/2019', 5), ...names('/p/2019 and more', 20_000)]
      .map((path) => JSON.stringify({ path, type: 'file', size: 1 }))
      .join('\n'),
  }
  const shell: Shell = {
    async exec(argv, options) {
      const stdout = argv.includes('ls') ? said.ls : said.snapshots
      for (const line of stdout.split('\n')) options?.onLine?.(line, 'stdout')
      return { code: 0, stdout, stderr: '', truncated: false }
    },
  }
  const options = { shell, binary: 'restic', secrets: {}, name: 'B2' }
  const clock: Pick<Clock, 'now'> = { now: () => now }
  const place = { plan: { name: 'photos', drill: { files: count } }, services: { clock } }
  const found = await chooseFiles(
    place as unknown as Place,
    { options, restic: createRestic(options) } as Opened,
    { snapshot: 'abc', at: 0, paths: ['/p'] },
    new AbortController().signal,
  )
  return found.map(({ path }) => path)
}

test('of a folder that was wrong some files are tried again, and not all of a million', async () => {
  expect((await chosen(['/p/2019'], 3)).filter((path) => isUnder(path, '/p/2019'))).toHaveLength(3)
  expect(await chosen(['/p/2019', '/p/2019/4.jpg'], 1)).toEqual([...names('/p/2019', 3), '/p/2019/4.jpg'])
  // Of the root any file will do.
  expect(await chosen(['/'], 5)).toHaveLength(5)
})
