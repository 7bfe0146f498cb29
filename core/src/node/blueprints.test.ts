import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { knownServices } from '../health/index.ts'
import { createBlueprints } from './blueprints.ts'

describe('blueprints', () => {
  it('come along for every service that is known', async () => {
    const all = await createBlueprints(() => undefined).list()
    expect(all.map(({ name }) => name)).toEqual(knownServices.map(({ name }) => name).toSorted())
  })

  it("of the lab's own folder go before them", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'blueprints-'))
    try {
      await writeFile(join(folder, 'plex.yaml'), 'title: My Plex\nstack: media\ncreate: { by: template }\n')
      await writeFile(join(folder, 'paperless.yml'), 'title: P\nstack: apps\ncreate: { by: template }\n')
      const all = await createBlueprints(() => folder).list()
      const mine = all.filter(({ own }) => own).map(({ name, blueprint }) => [name, blueprint.title])
      expect(mine).toEqual([
        ['paperless', 'P'],
        ['plex', 'My Plex'],
      ])
      expect(all.filter(({ name }) => name === 'plex')).toHaveLength(1)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('say where one is wrong', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'blueprints-'))
    try {
      await writeFile(join(folder, 'x.yaml'), 'title: X\nstack: apps\nmemroy: 3\ncreate: { by: template }\n')
      await expect(createBlueprints(() => folder).list()).rejects.toThrow(
        'blueprints/x.yaml:3:1 unknown key "memroy". Did you mean "memory"?',
      )
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
