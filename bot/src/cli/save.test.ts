import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { saveFiles } from './save.ts'

const root = mkdtempSync(join(tmpdir(), 'homelab-save-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const file = (name: string, text: string) => ({ name, type: 'text/plain', text })

test('writes all files into the folder, and nowhere else', async () => {
  const folder = join(root, 'deep', 'down')
  const written = await saveFiles([file('a.yml', 'a'), file('../../b.yml', 'b')], { folder, over: false })
  expect(written).toEqual([join(folder, 'a.yml'), join(folder, 'b.yml')])
  expect(readdirSync(folder)).toEqual(['a.yml', 'b.yml'])
  // The same once more is no conflict.
  await expect(saveFiles([file('a.yml', 'a')], { folder, over: false })).resolves.toHaveLength(1)
})

test('writes nothing where one of them is there and says something else, unless it may', async () => {
  const folder = mkdtempSync(join(root, 'there-'))
  writeFileSync(join(folder, 'b.yml'), 'mine')
  const files = [file('a.yml', 'a'), file('b.yml', 'b')]
  await expect(saveFiles(files, { folder, over: false })).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('b.yml') as string,
  })
  expect(readdirSync(folder)).toEqual(['b.yml'])
  await saveFiles(files, { folder, over: true })
  expect(readFileSync(join(folder, 'b.yml'), 'utf8')).toBe('b')
})

test('says so when there is nothing to save, no folder, or no way there', async () => {
  await expect(saveFiles([], { folder: root, over: false })).rejects.toMatchObject({ code: 'usage' })
  await expect(saveFiles([file('a', 'a')], { folder: '', over: false })).rejects.toMatchObject({
    code: 'usage',
  })
  writeFileSync(join(root, 'plain'), '')
  await expect(
    saveFiles([file('a', 'a')], { folder: join(root, 'plain'), over: false }),
  ).rejects.toMatchObject({ code: 'config' })
})
