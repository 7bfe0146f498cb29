import { expect, it } from 'vitest'
import type { Caller, RunHistory, RunView } from '../../operation/services.ts'
import { grantOf, harmeet, kid, partner, registry, setUp } from '../../rights/rights.fixture.ts'
import { runCancel } from './cancel.ts'

/** One run of `restart postgresql` or `restart jellyfin`, asked for by somebody. */
async function cancel(by: Caller, asker: Caller, service: string, grants: Parameters<typeof setUp>[1] = []) {
  const { rights, lab } = setUp('', grants)
  const run: RunView = {
    id: 'r1',
    operation: 'service.restart',
    title: `Restart ${service}`,
    input: { services: [service], wait: true, force: false, timeout: 60 },
    caller: { id: asker.id, name: asker.name },
    state: 'running',
    createdAt: '2026-11-25T09:00:00.000Z',
  }
  const runs: RunHistory = {
    list: async () => [run],
    get: async () => run,
    log: async () => [],
    cancel: async () => ({ ...run, state: 'cancelling' }),
  }
  const commands = { registry, offered: () => true }
  const services = { runs, caller: by, rights, commands, lab }
  const signal = AbortSignal.timeout(5_000)
  const asked = await runCancel.plan?.({ run: 'r1' }, services, { signal })
  return asked?.summary
}

it('is allowed to whoever asked for the run, whatever their role', async () => {
  expect(await cancel(kid, kid, 'jellyfin')).toBe('Cancel run r1: Restart jellyfin')
})

it('of somebody else’s run needs the rights of what it does', async () => {
  expect(await cancel(partner, harmeet, 'jellyfin')).toContain('r1')
  await expect(cancel(kid, harmeet, 'jellyfin')).rejects.toMatchObject({ code: 'denied' })
  expect(await cancel(kid, harmeet, 'jellyfin', [grantOf('service.restart', ['jellyfin'])])).toContain('r1')
  await expect(cancel(partner, harmeet, 'postgresql')).rejects.toMatchObject({ code: 'denied' })
  expect(await cancel(harmeet, partner, 'postgresql')).toContain('r1')
})
