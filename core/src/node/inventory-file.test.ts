import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openInventory } from './inventory-file.ts'

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
