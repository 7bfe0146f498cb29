import { expect, test } from 'vitest'
import { copiesLab } from './copies.fixture.ts'
import { nextCopy } from './copy-rotation.ts'

type Lab = ReturnType<typeof copiesLab>
const next = async ({ plan, repository, services }: Lab, wanted?: string) =>
  await nextCopy(plan, repository, services, new AbortController().signal, wanted)

/** Days ago: web is the one of the oldest try. */
function drilledLab(): Lab {
  const lab = copiesLab()
  for (const { vmid } of lab.guests) lab.copy(vmid)
  lab.drilled(110, 9)
  lab.drilled(111, 5)
  lab.failed(112, 3, 'nobody')
  return lab
}

test('it is the turn of the one that was tried the longest ago, and of one that never was before it', async () => {
  const lab = drilledLab()
  expect(await next(lab)).toMatchObject({ name: 'web', of: 3, passedOver: [], failing: [] })
  lab.drilled(110, 1)
  expect(await next(lab)).toMatchObject({ name: 'mail' })
  lab.drilled(111, 1)
  expect(await next(lab)).toMatchObject({ name: 'wiki' })
  const fresh = copiesLab()
  for (const { vmid } of fresh.guests) fresh.copy(vmid)
  fresh.drilled(110, 9)
  expect(await next(fresh)).toMatchObject({ name: 'mail' })
})

test('a time that is ahead of the clock takes nobody’s turn', async () => {
  const lab = drilledLab()
  lab.drilled(110, -400)
  expect(await next(lab)).toMatchObject({ name: 'web' })
  lab.failed(110, -400)
  expect(await next(lab)).toMatchObject({ name: 'web' })
})

test('one whose node is away is passed over with why, the node asked once, and the next one is taken', async () => {
  const lab = drilledLab()
  lab.drilled(110, 1)
  lab.away.add('pve2')
  expect(await next(lab)).toMatchObject({
    name: 'web',
    passedOver: [
      { name: 'mail', why: 'pve2 does not answer' },
      { name: 'wiki', why: 'pve2 does not answer' },
    ],
  })
  expect(lab.asked.filter((line) => line === 'pve2 restic')).toHaveLength(1)
})

test('the node that is asked about guests is away: another one asks the repository, and drills', async () => {
  const lab = drilledLab()
  lab.away.add('pve1')
  expect(await next(lab)).toMatchObject({
    name: 'mail',
    passedOver: [{ name: 'web', why: 'pve1 does not answer' }],
  })
})

test('nobody else’s node is asked than that of the one whose turn it is', async () => {
  const lab = drilledLab()
  await next(lab)
  expect(new Set(lab.asked)).toEqual(new Set(['pve1 restic']))
})

test('one whose node has no restic is passed over: its drill would end there each time', async () => {
  const lab = drilledLab()
  lab.drilled(110, 1)
  lab.bare.add('pve2')
  expect(await next(lab)).toMatchObject({
    name: 'web',
    passedOver: [
      { name: 'mail', why: expect.stringContaining('restic is not installed') },
      { name: 'wiki', why: expect.stringContaining('restic is not installed') },
    ],
  })
})

test('one on a node without SSH is passed over; asked for by name, it says why', async () => {
  const lab = drilledLab()
  const [web] = lab.guests
  if (web !== undefined) web.node = 'pve3'
  expect(await next(lab)).toMatchObject({
    name: 'mail',
    passedOver: [{ name: 'web', why: 'There is no SSH access to pve3, where its archive is.' }],
  })
  await expect(next(lab, 'web')).rejects.toMatchObject({
    code: 'config',
    hint: expect.stringContaining('ssh'),
  })
})

test('one that was never copied, and one whose copy is too old, are passed over', async () => {
  const lab = copiesLab()
  lab.copy(111, 3)
  lab.copy(112)
  expect(await next(lab)).toMatchObject({
    name: 'wiki',
    passedOver: [
      { name: 'web', why: 'There is no proven copy of it.' },
      { name: 'mail', why: expect.stringMatching(/^Its newest proven copy is 3 d.* old; it may get 1 d/) },
    ],
  })
})

test('none at all is told with what each of them lacks', async () => {
  const lab = copiesLab()
  lab.copy(111)
  lab.away.add('pve2')
  await expect(next(lab)).rejects.toMatchObject({
    code: 'not-found',
    message: expect.stringMatching(/None of the 3 guests of Guests .*web: There is no .*mail: pve2 does not/),
  })
})
