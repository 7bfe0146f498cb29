import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HomelabError, TransportError } from '../../core/src/errors.ts'
import { systemClock } from '../../core/src/node/clock.ts'
import { createSsh, type Ssh } from '../../core/src/node/ssh.ts'
import type { ExecOptions, Shell } from '../../core/src/ports.ts'
import {
  clearUnattended,
  followUnattended,
  runUnattended,
  startUnattended,
  stopUnattended,
  type UnattendedOptions,
} from '../../core/src/provision/unattended.ts'
import { Secret } from '../../core/src/secret.ts'
import { createShells } from '../../core/src/shell/index.ts'
import { installPct, type Sshd, startSshd } from '../support/sshd.ts'
import { requireTool } from '../support/tools.ts'

const available = requireTool('sshd', 'ssh-keygen', 'bash', 'setsid', 'flock')

// Most of it is waiting for processes.
describe.skipIf(!available).concurrent('a command that nobody attends', () => {
  let sshd: Sshd
  let ssh: Ssh
  beforeAll(async () => {
    sshd = await startSshd()
    installPct(sshd)
    ssh = createSsh({ hosts: { pve: sshd.host } })
  })
  afterAll(async () => {
    ssh.close()
    await sshd[Symbol.asyncDispose]()
  })

  let number = 0
  const folder = () => join(sshd.dir, 'unattended')
  const options = (more: Partial<UnattendedOptions> = {}): UnattendedOptions => ({
    key: `test-${++number}`,
    clock: systemClock,
    signal: new AbortController().signal,
    limitMs: 30_000,
    directory: folder(),
    ...more,
  })
  const host = () => ssh.shell('pve')
  const guest = () => createShells(ssh).guest({ vmid: 110, type: 'lxc', node: 'pve', name: 'plex' })
  const isLeft = ({ key }: UnattendedOptions) => existsSync(join(folder(), key))
  const script = (name: string, text: string): string => {
    const path = join(sshd.dir, name)
    writeFileSync(path, `#!/bin/bash\n${text}\n`, { mode: 0o755 })
    return path
  }

  test('whose beginning was answered to nobody runs once: it is sent again under its own key', async () => {
    const wanted = options()
    const ran = join(sshd.dir, 'ran')
    let cut = 2
    const shell: Shell = {
      async exec(argv, more) {
        const result = await host().exec(argv, more)
        if (cut-- > 0) throw new TransportError('the connection was lost', true, { code: 'unclear' })
        return result
      },
    }
    const end = await runUnattended(shell, ['sh', '-c', `echo once >>'${ran}'`], wanted)
    expect(readFileSync(ran, 'utf8')).toBe('once\n')
    expect(end.code).toBe(0)
  })

  test.each([
    ['host', host],
    ['guest', guest],
  ])('on a %s: its arguments, environment, lines and code; nothing is left', async (_name, shell) => {
    const lines: string[] = []
    const wanted = options({
      env: { ONE: '1' },
      secrets: { SECRET: new Secret('hunter22') },
      onLine: (line) => lines.push(line),
    })
    const text =
      'printf "%s|" "$@"; echo; echo "$ONE $SECRET"; printf "a\\rb\\n\\033[31mred\\033[0m\\n"; echo err >&2; cat; exit 3'
    const end = await runUnattended(shell(), ['sh', '-c', text, 'x', 'a b', '', "it's"], wanted)
    expect(end.code).toBe(3)
    expect(lines).toEqual(["a b||it's|", '1 [secret]', 'b', 'red', 'err'])
    expect(end.lines).toEqual(lines)
    // Until it is known that its end is kept.
    expect((await followUnattended(shell(), wanted)).code).toBe(3)
    await clearUnattended(shell(), wanted)
    expect(isLeft(wanted)).toBe(false)
  })

  test.each([
    [
      'whiptail',
      () => `whiptail --backtitle B --title T --yesno "Use\nit?" 10 58 3>&1 1>&2 2>&3 || true`,
      'Use it?',
    ],
    ['dialog', () => 'x=$(dialog --menu "Which?" 10 58 2 a A b B 2>/dev/null); echo $x', 'Which?'],
    ['read -rp', () => 'read -rp "Sure? <y/N> " answer; echo "got $answer"', 'Sure? <y/N>'],
    ['read -r -p', () => 'read -r -t 5 -p "Press a key" -n 1', 'Press a key'],
    ['read -d x -srpTEXT', () => 'read -d x -srpPassword: word', 'Password:'],
    [
      'a question within others, whose words go nowhere',
      () => 'set -e; x=$(bash -c \'trap "exit 0" TERM; read -rp "Deep?" y\' 2>/dev/null) || true',
      'Deep?',
    ],
  ])('%s is a question: it is stopped, and the next line is not reached', async (_name, asking, question) => {
    const wanted = options({ askedHint: 'pct enter 110' })
    const next = join(sshd.dir, `after-${wanted.key}`)
    const path = script(`asks-${wanted.key}`, `${asking()}\ntouch '${next}'`)
    await expect(runUnattended(guest(), ['bash', path], wanted)).rejects.toMatchObject({
      code: 'failed',
      message: `It asks: "${question}". It was stopped.`,
      hint: 'pct enter 110',
    })
    expect(existsSync(next)).toBe(false)
    expect(isLeft(wanted)).toBe(false)
  })

  test('a box that only shows something, a read of a file and of a pipe are no questions', async () => {
    const path = script(
      'reads',
      [
        'whiptail --msgbox hello 8 50',
        'echo one | read -rp "x" y',
        'while read -r line; do echo "line $line"; done <<<"two"',
        'read -u 3 -rp "x" line 3<<<"three"; echo "line $line"',
        'set -- -p; read -r "line" || echo "end of input"',
      ].join('\n'),
    )
    expect(await runUnattended(host(), [path], options())).toEqual({
      code: 0,
      lines: ['hello', 'line two', 'line three', 'end of input'],
    })
  })

  test('what is known is answered, and said; anything else still ends it', async () => {
    const asking = [
      'read -rp "Add Adminer? " a',
      'whiptail --yesno "Use it?" 8 40 && b=yes',
      'c=$(sh -c \'whiptail --inputbox "Its name" 8 40 3>&1 1>&2 2>&3\')',
      'echo "$a $b $c"',
      'read -rp "And now? " d',
    ].join('\n')
    const answers = [
      { question: 'Adminer', answer: 'n' },
      { question: 'Use it', answer: 'yes' },
      { question: 'name', answer: 'plex 2' },
    ]
    const lines: string[] = []
    const wanted = options({ answers, onLine: (line) => lines.push(line) })
    await expect(runUnattended(guest(), ['bash', script('known', asking)], wanted)).rejects.toMatchObject({
      message: 'It asks: "And now?". It was stopped.',
    })
    expect(lines.slice(0, 5)).toEqual([
      'It asked: Add Adminer?; answered: n',
      'It asked: Use it?; answered: yes',
      'It asked: Its name; answered: plex 2',
      'n yes plex 2',
      'It asks: And now?',
    ])
  })

  /** Its processes stand in a file; which of them live. */
  const pids = (name: string) =>
    readFileSync(join(sshd.dir, name), 'utf8')
      .trim()
      .split('\n')
      .filter((pid) => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')))
  const hanging = (name: string, words = 'echo begun') =>
    script(
      name,
      `sleep 600 & echo $! >>'${join(sshd.dir, `${name}.pids`)}'\necho $$ >>'${join(sshd.dir, `${name}.pids`)}'\n${words}\nwait`,
    )

  test('one that says nothing any more is stopped, with all that it began', async () => {
    const run = runUnattended(host(), [hanging('idle')], options({ idleMs: 1_500 }))
    await expect(run).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('said nothing'),
    })
    expect(pids('idle.pids')).toEqual([])
  })

  const apart = [
    ['timeout, which has a group of its own', 'timeout 300'],
    ['job control', 'set -m; '],
  ] as const
  test.each(apart)('what is below %s ends with it', async (_name, below) => {
    const name = `apart-${below.slice(0, 3)}`
    const inner = script(
      `${name}-inner`,
      `echo $$ >>'${join(sshd.dir, `${name}.pids`)}'; echo begun; sleep 600`,
    )
    const wanted = options()
    const begun = new Promise<void>((resolve) => {
      const onLine = (line: string) => line === 'begun' && resolve()
      void startUnattended(host(), ['bash', '-c', `${below} '${inner}' & wait`], wanted).then(() =>
        followUnattended(host(), { ...wanted, onLine }).catch(() => undefined),
      )
    })
    await begun
    expect(pids(`${name}.pids`)).toHaveLength(1)
    await stopUnattended(host(), wanted)
    expect(pids(`${name}.pids`)).toEqual([])
  })

  test.each(apart)('a question below %s ends all', async (_name, below) => {
    const name = `asks-apart-${below.slice(0, 3)}`
    const next = join(sshd.dir, `${name}-next`)
    const asks = script(
      name,
      `echo $$ >>'${join(sshd.dir, `${name}.pids`)}'; read -rp "Go on? " x; touch '${next}'`,
    )
    const run = runUnattended(host(), ['bash', '-c', `${below} '${asks}'; touch '${next}'`], options())
    await expect(run).rejects.toMatchObject({ message: 'It asks: "Go on?". It was stopped.' })
    expect(pids(`${name}.pids`)).toEqual([])
    expect(existsSync(next)).toBe(false)
  })

  test('its limit', async () => {
    const run = runUnattended(host(), [hanging('limit')], options({ limitMs: 1_500 }))
    await expect(run).rejects.toMatchObject({ code: 'timeout' })
    expect(pids('limit.pids')).toEqual([])
  })

  test('a stop that does not get to its end is none: its folder stays, and the next stop finds it', async () => {
    const path = hanging('deaf', 'trap \'\' TERM; sleep 600 & echo $! >>"$0.pids"; echo begun')
    const wanted = options()
    const begun = Promise.withResolvers<void>()
    await startUnattended(host(), [path], wanted)
    const follow = new AbortController()
    const following = followUnattended(host(), {
      ...wanted,
      signal: follow.signal,
      onLine: () => begun.resolve(),
    }).catch(() => undefined)
    await begun.promise
    follow.abort(new Error('shut down'))
    await following
    // It is killed after 5 s.
    const hasty = {
      ...host(),
      exec: (argv: readonly string[], more: ExecOptions = {}) =>
        host().exec(argv, { ...more, timeoutMs: 1_000 }),
    }
    await expect(stopUnattended(hasty, wanted)).rejects.toMatchObject({ code: 'timeout' })
    expect(isLeft(wanted)).toBe(true)
    const failing = { ...host(), exec: () => host().exec(['sh', '-c', 'exit 1']) }
    await expect(stopUnattended(failing, wanted)).rejects.toMatchObject({
      code: 'timeout',
      message: 'It was told to stop, and goes on.',
    })
    expect(isLeft(wanted)).toBe(true)
    expect(pids('deaf.pids')).not.toEqual([])
    await stopUnattended(host(), wanted)
    expect(pids('deaf.pids')).toEqual([])
    expect(isLeft(wanted)).toBe(false)
  })

  test('a cancel ends it; a bot that shuts down does not, and the next one finds it', async () => {
    const cancel = new AbortController()
    const cancelled = options({
      signal: cancel.signal,
      onLine: () => cancel.abort(new HomelabError('cancelled', 'by a person')),
    })
    await expect(runUnattended(host(), [hanging('cancel')], cancelled)).rejects.toMatchObject({
      message: 'by a person',
    })
    expect(pids('cancel.pids')).toEqual([])

    const gone = new AbortController()
    const go = join(sshd.dir, 'go')
    const path = script(
      'twice',
      `echo one; echo x >>'${go}.begun'; until [ -e '${go}' ]; do sleep 0.1; done; echo two`,
    )
    const before = options({ signal: gone.signal, onLine: () => gone.abort(new Error('shut down')) })
    await expect(runUnattended(host(), [path], before)).rejects.toThrow()
    const heard: string[] = []
    const onLine = (line: string) => {
      heard.push(line)
      if (line === 'one') mkdirSync(go)
    }
    const end = await runUnattended(host(), [path], options({ key: before.key, onLine }))
    expect(end.code).toBe(0)
    expect(heard).toEqual(['one', 'two'])
    expect(readFileSync(`${go}.begun`, 'utf8')).toBe('x\n')
  })

  test('a lost connection in the middle is looked past, and each line is told once', {
    concurrent: false,
  }, async () => {
    const go = join(sshd.dir, 'go2')
    const path = script('lost', `echo one; until [ -e '${go}' ]; do sleep 0.1; done; echo two`)
    const heard: string[] = []
    const onLine = (line: string) => {
      heard.push(line)
      if (line !== 'one') return
      for (const pid of sshd.sessionPids()) process.kill(pid, 'SIGKILL')
      mkdirSync(go)
    }
    expect((await runUnattended(host(), [path], options({ onLine }))).code).toBe(0)
    expect(heard).toEqual(['one', 'two'])
  })

  test('of the same lock one waits for the other; one that was killed is said to be', async () => {
    const order = join(sshd.dir, 'order')
    const go = join(sshd.dir, 'go3')
    const first = options({ lock: 'update' })
    const second = options({ lock: 'update' })
    await startUnattended(
      host(),
      ['sh', '-c', `echo $PPID; until [ -e '${go}' ]; do sleep 0.1; done; echo 1 >>'${order}'`],
      first,
    )
    await startUnattended(host(), ['sh', '-c', `echo 2 >>'${order}'`], second)
    mkdirSync(go)
    await Promise.all([followUnattended(host(), first), followUnattended(host(), second)])
    expect(readFileSync(order, 'utf8')).toBe('1\n2\n')

    const killed = options({
      onLine: (pid) => process.kill(-Number(pid), 'SIGKILL'),
    })
    const run = runUnattended(host(), ['sh', '-c', 'echo $PPID; sleep 600'], killed)
    await expect(run).rejects.toMatchObject({ code: 'failed', message: expect.stringContaining('killed') })
    expect(isLeft(killed)).toBe(false)
  })
})
