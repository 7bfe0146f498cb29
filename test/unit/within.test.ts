import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { within } from '@homelab/core'
import { expect, test } from 'vitest'

test('its time comes also when memory is tidied while nobody listens', async () => {
  setFlagsFromString('--expose-gc')
  const tidy = runInNewContext('gc') as () => void
  const late = within(50, new AbortController().signal)
  tidy()
  // The moment itself is what is waited for.
  await delay(150)
  tidy()
  expect(late.aborted).toBe(true)
})

test('it is aborted with the one that it was made of, for its reason', () => {
  const own = new AbortController()
  const both = within(60_000, own.signal)
  expect(both.aborted).toBe(false)
  own.abort(new Error('over'))
  expect(both.reason).toEqual(new Error('over'))
})
