import { operations } from '@homelab/core/operations'
import { expect, it } from 'vitest'
import { commandOf, formOf } from './form.ts'

const filled = (text: string) =>
  Object.fromEntries((formOf(text, operations)?.fields ?? []).map(({ field, value }) => [field.name, value]))

it('fills in what is typed already, and the defaults', () => {
  expect(filled('restart plex radarr wait:false')).toMatchObject({
    services: 'plex radarr',
    wait: 'false',
    timeout: '60',
  })
  expect(filled('restart')).toMatchObject({ services: '', wait: 'true' })
  expect(filled('task log')).toHaveProperty('upid', '')
  expect(filled('restart plex timeout:x sonarr')).toMatchObject({ services: 'plex sonarr', timeout: 'x' })
  expect(formOf('rubbish 1', operations)).toBeUndefined()
})

it('makes the command that one would have typed', () => {
  const restart = formOf('restart', operations)?.operation
  if (restart === undefined) throw new Error('no restart')
  expect(commandOf(restart, { services: ' plex, radarr ', wait: 'false', timeout: '60' })).toBe(
    'restart plex radarr wait:false',
  )
  expect(commandOf(restart, { services: '' })).toBe('restart')
  const logs = formOf('logs', operations)?.operation
  if (logs === undefined) throw new Error('no logs')
  expect(commandOf(logs, { service: 'plex', grep: 'not found' })).toBe('logs plex grep:"not found"')
})
