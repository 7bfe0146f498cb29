import { HomelabError } from '@homelab/core'
import { expect, it } from 'vitest'
import { errorItem } from './errors.ts'

it('never advises to let n8n repeat what may be a change', () => {
  const { details } = errorItem(new HomelabError('locked', 'CT 110 is locked', { hint: 'Type `tasks`' }))
  expect(details).toMatchObject({ code: 'locked', hint: 'Wait until that has ended, then run it again.' })
})
