import { describe, expect, test } from 'vitest'
import { raidIn, raidProblems } from './raid.ts'
import { diskIn, diskProblems } from './smart.ts'

const mdstat = (head: string, state: string, more = '') => `Personalities : [raid6] [raid5] [raid4]
md0 : ${head}
      46874764800 blocks super 1.2 level 5, 512k chunk, algorithm 2 ${state}
${more}
md127 : active raid1 sdy1[1] sdx1[0]
      1000 blocks [2/2] [UU]

unused devices: <none>
`
const texts = (text: string, device = '/dev/md0') =>
  raidProblems(raidIn(text, device)).map((problem) => problem.text)

describe('a RAID', () => {
  test.each<readonly [string, string, readonly string[]]>([
    ['that is whole', mdstat('active raid5 sdb1[1] sda1[0]', '[2/2] [UU]'), []],
    [
      'that lost a disk',
      mdstat('active raid5 sdb1[1](F) sda1[0]', '[2/1] [U_]'),
      ['RAID md0 is degraded: 1 of 2 disks (failed: sdb1)'],
    ],
    [
      'that is rebuilt',
      mdstat(
        'active raid5 sdb1[1] sda1[0]',
        '[2/1] [U_]',
        '  [=>..]  recovery = 12.6% (1/2) finish=127.5min speed=1K/sec\n',
      ),
      ['RAID md0 is degraded: 1 of 2 disks', 'RAID md0: recovery at 12.6%'],
    ],
    [
      'that is checked',
      mdstat(
        'active raid5 sdb1[1] sda1[0]',
        '[2/2] [UU]',
        '  [=>..]  check = 12.6% (1/2) finish=1.5min speed=1K/sec\n',
      ),
      [],
    ],
    ['that does not run', mdstat('inactive sda1[0](S)', ''), ['RAID md0 is inactive']],
  ])('%s', (_name, text, expected) => {
    expect(texts(text)).toEqual(expected)
  })

  test('of which the kernel knows nothing does not run', () => {
    expect(texts(mdstat('active raid1 sda1[0]', '[1/1] [U]'), '/dev/md9')).toEqual([
      '/dev/md9 is not in /proc/mdstat: the RAID is not running',
    ])
  })
})

describe('a disk', () => {
  const passed = { smart_status: { passed: true } }
  const attributes = (...rows: readonly (readonly [id: number, value: number, raw: number])[]) => ({
    ...passed,
    ata_smart_attributes: {
      table: rows.map(([id, value, raw]) => ({ id, value, raw: { value: raw, string: '' } })),
    },
  })
  const said = (smart: object, code = 0) => {
    const state = diskIn('/dev/sda', JSON.stringify(smart), code)
    return [state.health, ...diskProblems(state).map(({ text }) => text)]
  }

  test.each<readonly [string, object, number, readonly string[]]>([
    ['that is sound', attributes([5, 100, 0], [9, 70, 21_412]), 0, ['passed']],
    [
      'that fails',
      { smart_status: { passed: false } },
      8,
      ['failing', '/dev/sda is failing: SMART says FAILED'],
    ],
    [
      'with sectors that it cannot read',
      attributes([5, 100, 3], [197, 100, 1]),
      0,
      ['passed', '/dev/sda: 3 reallocated sectors', '/dev/sda: 1 pending sector'],
    ],
    ['an SSD near its end', attributes([233, 4, 0]), 0, ['passed', '/dev/sda: 4 % of its life is left']],
    [
      'NVMe near its end',
      { ...passed, nvme_smart_health_information_log: { percentage_used: 104, media_errors: 0 } },
      0,
      ['passed', '/dev/sda: 0 % of its life is left'],
    ],
    ['below a threshold', passed, 16, ['passed', '/dev/sda: a SMART attribute is below its threshold']],
    [
      'that sleeps is left asleep',
      { smartctl: { messages: [{ string: 'Device is in STANDBY mode, exit(2)', severity: 'information' }] } },
      2,
      ['asleep'],
    ],
    [
      'that is not there',
      { smartctl: { exit_status: 2 } },
      2,
      ['unseen', '/dev/sda: it does not answer smartctl'],
    ],
    ['without SMART', { smartctl: { exit_status: 0 } }, 0, ['unseen', '/dev/sda: it has no SMART']],
  ])('%s', (_name, smart, code, expected) => {
    expect(said(smart, code)).toEqual(expected)
  })

  test('on a node without smartctl', () => {
    expect(diskIn('/dev/sda', 'sh: smartctl: not found', 127)).toMatchObject({
      health: 'unseen',
      why: 'smartctl is not installed on the node',
    })
  })
})
