import { expect, test } from 'vitest'
import { createHealth } from '../health/index.ts'
import { fastClock } from '../node/testing.ts'
import { isAsked, unaskedWords } from './asking.ts'
import { Blueprint } from './blueprint.ts'
import type { Found } from './types.ts'

const health = createHealth({ address: async () => undefined, clock: fastClock() })
const agentless = { disk: 'scsi0', bytes: 0, total: 0, bridge: 'vmbr0', cloudInit: true, fixed: false }

const found = (more: object, machine?: boolean, net = 'bridge=vmbr0') =>
  ({
    ...{ name: 'desk', node: 'pve', net },
    ...(machine === undefined ? {} : { machine: { ...agentless, agent: machine } }),
    from: {
      ...{ name: 'desk', own: true },
      blueprint: Blueprint.parse({
        ...{ title: 'Desk', stack: 'apps' },
        create: machine === undefined ? { by: 'template' } : { by: 'vm', template: 900 },
        ...more,
      }),
    },
  }) as unknown as Found

const nothing = 'its blueprint has no `health`, and no kind or port that is known'
const nowhere = 'its address will not be known'
const url = { http: { url: 'http://desk.lan/health' } }

test.each([
  ['a container with a port', found({ port: 80 }), undefined],
  ['one of which nothing is known', found({}), nothing],
  ['one that is not to be asked', found({ port: 80, health: 'none' }), nothing],
  ['a VM with an agent', found({ port: 80 }, true), undefined],
  ['a VM with an agent, of which nothing is known', found({}, true), nothing],
  ['a VM without one', found({ port: 80 }, false), nowhere],
  ['a VM without one, by DHCP', found({ port: 80 }, false, 'bridge=vmbr0,ip=dhcp'), nowhere],
  ['a VM that is told its address', found({ port: 80 }, false, 'bridge=vmbr0,ip=10.0.0.5/8'), undefined],
  ['a VM that answers elsewhere', found({ health: url }, false), undefined],
  [
    'a VM with a command',
    found({ health: { command: ['true'] } }, true),
    'its `health` is a command, and nobody enters a VM',
  ],
])('whether it is asked, and why not: %s', (_what, it, why) => {
  expect(isAsked(it, health)).toBe(why === undefined)
  expect(unaskedWords(it, health)).toEqual(
    why === undefined ? [] : [`Whether Desk answers is not asked: ${why}.`],
  )
})
