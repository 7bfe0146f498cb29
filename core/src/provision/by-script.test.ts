import { expect, test } from 'vitest'
import { Blueprint } from './blueprint.ts'
import { scriptEnv } from './by-script.ts'
import { isTagged } from './scripted.ts'
import type { Found } from './types.ts'

const found = (more: Partial<Found> = {}, env: Readonly<Record<string, string>> = {}) =>
  ({
    name: 'plex',
    storage: 'tesla',
    net: 'name=eth0,bridge=vmbr1,ip=192.168.1.5/24,gw=192.168.1.1',
    from: {
      name: 'plex',
      own: false,
      blueprint: Blueprint.parse({
        title: 'Plex',
        stack: 'media',
        create: { by: 'script', script: 'plex', env },
      }),
    },
    ...more,
  }) as unknown as Found

test('tells a script all that it would ask', () => {
  expect(scriptEnv(found({ templates: 'local' }), 150)).toMatchObject({
    var_ctid: '150',
    var_hostname: 'plex',
    var_net: '192.168.1.5/24',
    var_gateway: '192.168.1.1',
    var_brg: 'vmbr1',
    var_container_storage: 'tesla',
    var_template_storage: 'local',
    var_tags: 'homelab;media',
  })
})

test('names no storage for templates when none is known, and the one of the blueprint before all', () => {
  expect(scriptEnv(found(), 150)).not.toHaveProperty('var_template_storage')
  expect(scriptEnv(found({ templates: 'local' }, { var_template_storage: 'nas' }), 150)).toHaveProperty(
    'var_template_storage',
    'nas',
  )
})

test('its tags are not for the blueprint to say: what it made is known by them, and taken away again', () => {
  const asked = found()
  // As a run keeps it that was begun when a blueprint could say it.
  Object.assign(asked.from.blueprint.create, { env: { var_tags: 'own' } })
  const { var_tags } = scriptEnv(asked, 150)
  expect(var_tags).toBe('homelab;media')
  expect(isTagged({ tags: `community-script;${var_tags}` })).toBe(true)
  expect(isTagged({ tags: 'community-script;homelabs' })).toBe(false)
  expect(isTagged({})).toBe(false)
})

test.each(['var_ctid', 'var_hostname', 'var_net', 'var_tags'])('a blueprint does not set %s', (key) => {
  const parsed = Blueprint.safeParse({
    title: 'X',
    stack: 'apps',
    create: { by: 'script', script: 'x', env: { [key]: '777' } },
  })
  expect(parsed.error?.message).toContain(`${key} is not for a blueprint`)
})
