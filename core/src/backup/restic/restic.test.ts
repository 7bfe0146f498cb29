import { expect, it } from 'vitest'
import type { ExecResult, Shell } from '../../ports.ts'
import { findFiles, listFiles } from '../listing.ts'
import { createRestic, type ResticOptions } from './restic.ts'

const warning = 'unable to open cache: readVersion: strconv.ParseUint: parsing "": invalid syntax\n'
const ended = `${warning}strconv.ParseUint: parsing "": invalid syntax\nreadVersion\nmain.main\n\tmain.go:188\n`
const says = (code: number, stdout: string, stderr = ''): ExecResult => ({
  code,
  stdout,
  stderr,
  truncated: false,
})

/** A machine whose cache is half made, and what its restic does without one. */
function machine({ withCache, without }: { readonly withCache: ExecResult; readonly without?: ExecResult }) {
  const asked: (readonly string[])[] = []
  const shell: Shell = {
    async exec(argv, options) {
      asked.push(argv)
      const result = argv.includes('--no-cache') && without !== undefined ? without : withCache
      for (const line of result.stdout.split('\n')) options?.onLine?.(line, 'stdout')
      return result
    },
  }
  const options: ResticOptions = { shell, binary: 'restic', secrets: {}, name: 'B2' }
  return { asked, options, restic: createRestic(options) }
}

it('does without a cache that 0.19 ends by, in whatever way it is asked', async () => {
  const file = '{"path":"/a","type":"file","size":3}'
  const { asked, options, restic } = machine({ withCache: says(1, '', ended), without: says(0, '[]') })
  expect(await restic.snapshots()).toEqual([])
  expect(await findFiles(options, ['abc'], 'x')).toEqual([])
  const listing = machine({ withCache: says(1, '', ended), without: says(0, `${file}\n`) })
  expect(await listFiles(listing.options, 'abc', undefined, () => undefined)).toEqual({ files: 1, bytes: 3 })
  expect(asked.map((argv) => argv.includes('--no-cache'))).toEqual([false, true, false, true])
})

it('does nothing twice that older ones went on with, and failed at for another reason', async () => {
  const { asked, restic } = machine({ withCache: says(1, '', `${warning}Fatal: something of tomorrow\n`) })
  await expect(restic.forget(['abc'])).rejects.toMatchObject({ data: { trouble: 'unknown' } })
  await expect(restic.note(['x'])).rejects.toMatchObject({ data: { trouble: 'unknown' } })
  expect(asked).toHaveLength(2)
})

it('has read all although its cache is half made, and not when a snapshot was left out', async () => {
  const whole = machine({ withCache: says(0, '[]', warning) })
  expect(await whole.restic.snapshots([], undefined, true)).toEqual([])
  const rotten = machine({ withCache: says(0, '[]', `${warning}Ignoring "8c83": invalid data returned\n`) })
  await expect(rotten.restic.snapshots([], undefined, true)).rejects.toMatchObject({ code: 'failed' })
})

it.each([
  { what: 'ends by it', withCache: says(1, '', 'Fatal: load <snapshot/8c83>: invalid data returned\n') },
  { what: 'leaves one out', withCache: says(0, '[]', 'Ignoring "8c83": invalid data returned\n') },
])('asks once more without a cache that is cut, when it $what', async ({ withCache }) => {
  const one = { id: '8c83', time: '2026-11-26T02:00:00Z' }
  const { asked, restic } = machine({ withCache, without: says(0, JSON.stringify([one])) })
  expect(await restic.snapshots([], undefined, true)).toMatchObject([one])
  expect(asked.map((argv) => argv.includes('--no-cache'))).toEqual([false, true])
})

it('says that a repository is damaged that is so without a cache as well', async () => {
  const { asked, restic } = machine({
    withCache: says(1, '', 'Fatal: load <index/d8>: invalid data returned\n'),
  })
  await expect(restic.snapshots()).rejects.toMatchObject({ data: { trouble: 'damaged' } })
  await expect(restic.dump('8c83', '/a')).rejects.toMatchObject({ data: { trouble: 'damaged' } })
  // What changes something is never done twice.
  await expect(restic.forget(['8c83'])).rejects.toMatchObject({ data: { trouble: 'damaged' } })
  expect(asked).toHaveLength(5)
})

it('asks for all tags, or for any of them in one call', async () => {
  const { asked, restic } = machine({ withCache: says(0, '[]') })
  await restic.snapshots(['proof', 'plan=x'])
  await restic.snapshots({ any: ['plan=x', 'drill-of=x'] })
  expect(asked.map((argv) => argv.slice(argv.indexOf('--tag')))).toEqual([
    ['--tag', 'proof,plan=x'],
    ['--tag', 'plan=x', '--tag', 'drill-of=x'],
  ])
})
