import { expect, test } from 'vitest'
import { Blueprint } from './blueprint.ts'
import { featuresFor } from './features.ts'

const script = { by: 'script', script: 'plex' }
const vm = { by: 'vm', template: 'base' }

test.each([
  [{}, { token: 'nesting=1' }],
  [{ features: 'nesting=1' }, { token: 'nesting=1' }],
  [{ features: 'nesting=1,keyctl=1' }, { ssh: 'nesting=1,keyctl=1' }],
  [{ features: 'nesting=0' }, { ssh: 'nesting=0' }],
  // A token may set none of a privileged container.
  [{ unprivileged: false }, {}],
  [{ unprivileged: false, features: 'nesting=1' }, { ssh: 'nesting=1' }],
  // The scripts see to it themselves.
  [{ create: script }, {}],
  [{ create: script, features: 'nesting=1' }, {}],
  [{ create: script, features: 'fuse=1' }, { ssh: 'fuse=1' }],
  [{ create: vm, features: 'nesting=1' }, {}],
])('%j: %j', (said, expected) => {
  const blueprint = Blueprint.parse({ title: 'X', stack: 'apps', create: { by: 'template' }, ...said })
  expect(featuresFor(blueprint)).toEqual(expected)
})
