import { writeFileSync } from 'node:fs'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { withEntry } from '../inventory/edit.ts'
import { digestOf, openInventory, writerOf } from './inventory-file.ts'

async function fileWith(text?: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'homelab-inventory-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'homelab.yaml')
  if (text !== undefined) await writeFile(path, text)
  return path
}

test('no file is an empty inventory, and one that appears later is read at the next reload', async () => {
  const none = await openInventory(undefined)
  expect(none.current().services).toEqual([])
  expect(await none.reload()).toMatchObject({ outcome: 'same' })

  const path = await fileWith()
  const opened = await openInventory(path)
  expect(opened.current().services).toEqual([])
  await writeFile(path, 'services: { plex: }')
  expect(await opened.reload()).toMatchObject({ outcome: 'changed' })
  expect(opened.current().services).toMatchObject([{ name: 'plex' }])
})

test('at the start a broken file throws, and so does one that must be there', async () => {
  const path = await fileWith('services:\n  plex: { gest: 1 }\n')
  await expect(openInventory(path)).rejects.toMatchObject({
    code: 'config',
    message: 'homelab.yaml:2:11 services.plex: unknown key "gest". Did you mean "guest"?',
  })
  await expect(openInventory(`${path}.none`, { mustExist: true })).rejects.toThrow('does not exist')
  await mkdir(`${path}.d`)
  await expect(openInventory(`${path}.d`)).rejects.toThrow('is not a file')
})

test('a reload applies the whole file or nothing of it, and says why', async () => {
  const path = await fileWith('name: one')
  const opened = await openInventory(path)
  const seen: string[] = []
  const stop = opened.onChange((inventory) => seen.push(inventory.name))

  expect(await opened.reload()).toMatchObject({ outcome: 'same' })
  await writeFile(path, 'name: two\nservices: [')
  const broken = await opened.reload()
  expect(broken).toMatchObject({ outcome: 'broken', inventory: { name: 'one' }, error: { code: 'config' } })
  expect(opened.current().name).toBe('one')

  await rm(path)
  expect(await opened.reload()).toMatchObject({ outcome: 'broken', error: { message: `${path} is gone` } })
  expect(opened.current().name).toBe('one')

  await writeFile(path, 'name: three')
  const [first, second] = await Promise.all([opened.reload(), opened.reload()])
  expect(first).toMatchObject({ outcome: 'changed', inventory: { name: 'three' } })
  expect(second).toBe(first)

  stop()
  await writeFile(path, 'name: four')
  await opened.reload()
  expect(opened.current().name).toBe('four')
  expect(seen).toEqual(['three'])
})

describe('a change of the file', () => {
  const addPlex = (text: string) => `${text}services:\n  plex:\n`

  test('is written as a whole, in use at once, and keeps the mode and the link', async () => {
    const path = await fileWith('# mine\nname: one\n')
    await chmod(path, 0o640)
    const link = `${path}.link`
    await symlink(path, link)
    const opened = await openInventory(link)
    const seen: string[] = []
    opened.onChange(({ services }) => seen.push(...services.map(({ name }) => name)))

    const written = await opened.write(addPlex)
    expect(written).toEqual({
      before: '# mine\nname: one\n',
      after: '# mine\nname: one\nservices:\n  plex:\n',
    })
    expect(await readFile(path, 'utf8')).toBe(written.after)
    expect(opened.current().services).toMatchObject([{ name: 'plex' }])
    expect(seen).toEqual(['plex'])
    expect((await lstat(link)).isSymbolicLink()).toBe(true)
    expect((await stat(path)).mode & 0o777).toBe(0o640)
    expect(await readdir(dirname(path))).toHaveLength(2)
  })

  test('is refused with nothing written when the file changed, would be broken, or the change throws', async () => {
    const path = await fileWith('name: one\n')
    const opened = await openInventory(path)
    const expected = digestOf('name: one\n')
    const during = opened.write((text) => {
      writeFileSync(path, 'name: theirs\n')
      return addPlex(text)
    })
    await expect(during).rejects.toMatchObject({ code: 'conflict' })
    expect(await readFile(path, 'utf8')).toBe('name: theirs\n')

    await expect(opened.write(addPlex, { expect: expected })).rejects.toMatchObject({ code: 'conflict' })
    await expect(opened.write((text) => `${text}servces: {}\n`)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('homelab.yaml:2:1 unknown key "servces"'),
      data: { problems: [expect.objectContaining({ line: 2 })] },
    })
    await expect(
      opened.write(() => {
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    await expect(opened.check((text) => `${text}servces: {}\n`)).rejects.toMatchObject({ code: 'config' })
    await opened.check(addPlex)
    expect(await readFile(path, 'utf8')).toBe('name: theirs\n')
    expect(await readdir(dirname(path))).toEqual(['homelab.yaml'])
    // Those before it do not keep the next one.
    await opened.write(addPlex, { expect: digestOf('name: theirs\n') })
    expect(opened.current()).toMatchObject({ name: 'theirs', services: [{ name: 'plex' }] })
  })

  test('waits for the one before it, and one that changes nothing takes up what was written before', async () => {
    const path = await fileWith('services:\n')
    const opened = await openInventory(path)
    const names = ['a', 'b', 'c', 'd', 'e']
    await Promise.all(names.map((name) => opened.write((text) => withEntry(text, ['services', name], null))))
    expect(opened.current().services.map(({ name }) => name)).toEqual(names)

    // As after a crash between the writing and the reading.
    const before = await readFile(path, 'utf8')
    await writeFile(path, withEntry(before, ['services', 'f'], null))
    const { mtimeMs } = await stat(path)
    await opened.write((text) => withEntry(text, ['services', 'f'], null))
    expect(opened.current().services.map(({ name }) => name)).toEqual([...names, 'f'])
    expect((await stat(path)).mtimeMs).toBe(mtimeMs)
  })

  test('makes a file that is not there, and says so when there can be none', async () => {
    const path = await fileWith()
    const writer = writerOf(await openInventory(path))
    expect(await writer?.text()).toBe('')
    await writer?.change(addPlex)
    expect(await writer?.text()).toBe('services:\n  plex:\n')

    const none = await openInventory(undefined)
    expect(writerOf(none)).toBeUndefined()
    await expect(none.write(addPlex)).rejects.toMatchObject({ code: 'config' })
    const nowhere = await openInventory(join(dirname(path), 'no', 'folder', 'homelab.yaml'))
    await expect(nowhere.write(addPlex)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('cannot be written (ENOENT)'),
    })
  })
})
