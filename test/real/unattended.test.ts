/** Scripts of a node that ask inside a real container, where they go by `lxc-attach` or `pct exec`. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../core/src/node/clock.ts'
import type { Shell } from '../../core/src/ports.ts'
import { runUnattended, type UnattendedOptions } from '../../core/src/provision/unattended.ts'
import { type BackupHost, backupHostKinds, startBackupHost } from '../support/backup-host.ts'

const ready = backupHostKinds().includes('lxc')

describe.skipIf(!ready)('a script that enters a container', () => {
  let dir: string
  let host: BackupHost
  let node: Shell
  let inside: Shell
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'homelab-unattended-'))
    host = await startBackupHost({ kind: 'lxc' })
    node = host.shells.host(host.node)
    inside = host.shells.guest(host.container(110).ref)
  })
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true, force: true })
  })

  let number = 0
  const run = async (text: string, more: Partial<UnattendedOptions> = {}) => {
    const script = join(dir, `script-${++number}`)
    writeFileSync(script, `#!/bin/bash\nset -Eeuo pipefail\n${text}\n`, { mode: 0o755 })
    return await runUnattended(node, ['bash', script], {
      key: `real-${process.pid}-${number}`,
      clock: systemClock,
      signal: new AbortController().signal,
      limitMs: 60_000,
      directory: join(dir, 'unattended'),
      ...more,
    })
  }

  const ways = [
    ['lxc-attach', 'lxc-attach -n 110 --'],
    ['lxc-attach without our environment', 'lxc-attach --clear-env -n 110 --'],
    ['pct exec', 'pct exec 110 --'],
    ['pct exec without our environment', 'pct exec 110 --keep-env 0 --'],
  ] as const

  it.each(ways)('%s: a question is told, and nothing goes on', async (_name, enter) => {
    const after = `/root/after-${number}`
    const next = join(dir, `next-${number}`)
    const asking = `set -Eeuo pipefail
trap "echo ended; exit 143" TERM
cat /proc/1/comm
echo one | { read -r -p "no question" line; echo "$line"; }
( bash -c 'read -rp "Would you like to add Adminer? <y/N> " prompt' ) >/dev/null 2>&1 || true
touch ${after}`
    writeFileSync(join(dir, 'install.sh'), asking)
    const heard: string[] = []
    const asked = run(`${enter} bash -c "$(cat '${dir}/install.sh')" || true\ntouch '${next}'`, {
      onLine: (line) => heard.push(line),
    })
    await expect(asked).rejects.toMatchObject({
      code: 'failed',
      message: 'It asks: "Would you like to add Adminer? <y/N>". It was stopped.',
    })
    expect(existsSync(next)).toBe(false)
    expect(await inside.exec(['ls', after])).toMatchObject({ code: 2 })
    const left = await inside.exec(['sh', '-c', 'grep -l "[A]dminer" /proc/[0-9]*/cmdline 2>/dev/null'])
    expect(left.stdout).toBe('')
    expect(heard.slice(0, 2)).toEqual(['systemd', 'one'])
  })

  it.each(ways)('%s: what is known is answered, as who sits there would', async (_name, enter) => {
    const asking = `set -Eeuo pipefail
read -r -p "
Select machine-learning type [1]: " type
IFS=: read -rp "A pair: " -a pair
read -n 1 -s -r -p "Press any key"
whiptail --title T --yesno "Use it?" 10 58 && echo yes
whiptail --yesno "Report home?" 10 58 || echo no
choice=$(whiptail --menu "Which storage?" 14 58 2 1 tesla 2 apollo 3>&1 1>&2 2>&3)
name=$(dialog --stdout --inputbox "Its name" 8 40)
echo "$type|\${pair[1]}|$REPLY|$choice|$name"
exit 7`
    writeFileSync(join(dir, 'install.sh'), asking)
    const answers = [
      { question: 'machine-learning type', answer: '2' },
      { question: 'A pair', answer: 'a b:c d' },
      { question: 'any key', answer: '' },
      // For a box with yes and no this is none.
      { question: 'it?', answer: 'perhaps' },
      { question: 'Use it?', answer: 'yes' },
      { question: 'Report home', answer: 'no' },
      { question: 'Which storage', answer: '1' },
      { question: 'name', answer: "it's \\ $here" },
    ]
    const { code, lines } = await run(`${enter} bash -c "$(cat '${dir}/install.sh')" 'a  b'`, { answers })
    const told = lines.filter((line) => line.startsWith('It asked'))
    expect(told).toEqual([
      'It asked: Select machine-learning type [1]:; answered: 2',
      'It asked: A pair:; answered: a b:c d',
      'It asked: Press any key; answered:',
      'It asked: Use it?; answered: yes',
      'It asked: Report home?; answered: no',
      'It asked: Which storage?; answered: 1',
      "It asked: Its name; answered: it's \\ $here",
    ])
    const said = lines.filter((line) => !told.includes(line))
    expect(said).toEqual(['yes', 'no', "2|c d||1|it's \\ $here"])
    expect(code).toBe(7)
  })

  it('what is entered to be looked at only is as it was', async () => {
    const { code, lines } = await run(
      [
        'lxc-attach -n 110 -- printf "%s|" "a b" "" "*"',
        'echo',
        'echo from here | pct exec 110 -- cat',
        'pct status 110',
        'lxc-attach -n 110 -- sh -c "exit 3"',
      ].join('\n'),
    )
    expect(lines).toEqual(['a b||*|', 'from here', 'status: running'])
    expect(code).toBe(3)
  })
})
