import { expect, test } from 'vitest'
import { COURSE_STEP_MS, createCourses } from './courses.ts'
import { guest, manyGuests, overviewOf } from './fixture.ts'

const node = {
  node: 'pve',
  status: 'online',
  maxcpu: 8,
  maxmem: 100,
  disk: 0,
  maxdisk: 0,
  uptime: 1,
} as const
const seen = (cpu: number, mem = 50) =>
  overviewOf([guest(110, 'plex', { cpu })], { nodes: [{ ...node, cpu, mem }] })
const at = (step: number) => step * COURSE_STEP_MS

test('averages what was seen in each half hour, from the first one on, and has a gap where nobody looked', () => {
  const courses = createCourses()
  courses.add(seen(0.2), at(10))
  courses.add(seen(0.4), at(10) + 60_000)
  expect(courses.of('cpu/node/pve', at(10))).toBeUndefined()
  courses.add(seen(0.8, 75), at(12))
  expect(courses.of('cpu/guest/110', at(12))?.map((value) => value?.toFixed(1))).toEqual([
    '0.3',
    undefined,
    '0.8',
  ])
  expect(courses.of('memory/node/pve', at(12))).toEqual([0.5, undefined, 0.75])
  expect(courses.of('cpu/guest/111', at(12))).toBeUndefined()
})

test('goes back for four hours, and forgets what is older or gone', () => {
  const courses = createCourses()
  for (let step = 1; step <= 30; step++) courses.add(seen(step / 100), at(step))
  expect(courses.of('cpu/node/pve', at(30))).toEqual([0.23, 0.24, 0.25, 0.26, 0.27, 0.28, 0.29, 0.3])
  expect(courses.of('cpu/node/pve', at(33))).toEqual([0.26, 0.27, 0.28, 0.29, 0.3, ...Array(3)])
  courses.add(overviewOf([], { nodes: [{ ...node, cpu: 0.5, mem: 50 }] }), at(60))
  expect(courses.of('cpu/guest/110', at(60))).toBeUndefined()
  courses.add(seen(0.6), at(61))
  expect(courses.of('cpu/node/pve', at(61))).toEqual([0.5, 0.6])
})

test('keeps nothing of what is off, nor of each of thousands', () => {
  const courses = createCourses()
  for (const step of [1, 2]) {
    courses.add(
      overviewOf([guest(110, 'plex', { status: 'stopped' })], {
        nodes: [{ ...node, status: 'offline', cpu: 0, mem: 0 }],
      }),
      at(step),
    )
    courses.add(overviewOf(manyGuests(1_001)), at(step))
  }
  expect(courses.of('cpu/guest/110', at(2))).toBeUndefined()
  expect(courses.of('cpu/guest/1000', at(2))).toBeUndefined()
  expect(courses.of('cpu/node/pve', at(2))).toBeUndefined()
})
