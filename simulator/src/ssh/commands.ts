/** Commands that came by SSH: really run by /bin/sh, in a group of their own, and without a terminal. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import type { ServerChannel } from 'ssh2'
import type { Sim } from '../sim.ts'
import type { Output } from './answer.ts'
import { type Direct, directOf } from './direct.ts'
import type { LabFiles } from './files.ts'
import type { Programs } from './programs.ts'

/** In which container a command runs, as far as its text tells: `pct exec 110 …`, quoted or not. */
const containerOf = (command: string): string | undefined =>
  /\bpct'?\s+'?exec'?\s+'?(\d+)\b/.exec(command)?.[1]

export interface Running {
  kill(signal: NodeJS.Signals): void
}

interface Answers {
  run(request: object): Promise<Output>
  readonly files: readonly LabFiles[]
}

/** The other end may be gone at any time: that shows in the exit code. */
const quiet = () => {}

export class Commands {
  readonly #sim: Sim
  readonly #running = new Map<Running, string>()
  programs: Programs | undefined
  answers: Answers | undefined

  constructor(sim: Sim) {
    this.#sim = sim
    sim.lab.onChange((guest) => {
      if (guest.state === 'stopped' || !sim.lab.guests.has(guest.vmid)) this.#endIn(String(guest.vmid))
    })
  }

  /** Nothing outlives its container. */
  #endIn(vmid: string): void {
    for (const [running, command] of this.#running) {
      if (containerOf(command) === vmid) running.kill('SIGKILL')
    }
  }

  endAll(): void {
    for (const running of this.#running.keys()) running.kill('SIGKILL')
  }

  /** Whether the fault is for this command: it counts down to the one that is meant. */
  #due(fault: 'execCut' | 'execCutBefore'): boolean {
    const { faults } = this.#sim
    if (faults[fault] <= 0) return false
    faults[fault] -= 1
    return faults[fault] === 0
  }

  /** @param hangUp ends the connection, as a cable does that is pulled */
  run(channel: ServerChannel, command: string, node: string, hangUp: () => void): Running | undefined {
    if (!this.programs) return undefined
    this.#sim.journal.counts.execs += 1
    this.#sim.journal.add({ kind: 'exec', command })
    const cut = this.#due('execCut')
    if (this.#due('execCutBefore')) {
      hangUp()
      return undefined
    }
    for (const stream of [channel, channel.stderr]) stream.on('error', quiet)
    const direct = directOf(this.#sim, command, node, this.programs.home, this.answers?.files ?? [])
    return direct === undefined || this.answers === undefined
      ? this.#spawn(channel, command, node, this.programs, cut ? hangUp : undefined)
      : this.#answer(channel, command, node, direct, this.answers, cut ? hangUp : undefined)
  }

  /** Without any process. */
  #answer(
    channel: ServerChannel,
    command: string,
    node: string,
    { where, argv, reads }: Direct,
    { run }: Answers,
    hangUp: (() => void) | undefined,
  ): Running {
    let over = false
    const end = (say: () => void): void => {
      if (over) return
      over = true
      this.#running.delete(running)
      if (hangUp !== undefined) return void hangUp()
      say()
      channel.end()
    }
    const running: Running = {
      kill: (signal) => end(() => channel.exit(signal.replace(/^SIG/, ''), false, '')),
    }
    this.#running.set(running, command)
    const work = async (): Promise<void> => {
      const chunks: Buffer[] = []
      if (reads) for await (const chunk of channel) chunks.push(Buffer.from(chunk as Uint8Array))
      else channel.resume()
      if (over) return
      const stdin = Buffer.concat(chunks).toString('base64')
      const { stdout = '', stderr = '', code = 0 } = await run({ where, node, argv, stdin })
      end(() => {
        if (stdout !== '') channel.write(stdout)
        if (stderr !== '') channel.stderr.write(stderr)
        channel.exit(code)
      })
    }
    work().catch((error: unknown) =>
      end(() => {
        channel.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
        channel.exit(255)
      }),
    )
    return running
  }

  #spawn(
    channel: ServerChannel,
    command: string,
    node: string,
    { home, env }: Programs,
    hangUp: (() => void) | undefined,
  ): Running {
    // sshd gives the line to the login shell; the client's environment is dropped.
    const child = spawn('/bin/sh', ['-c', command], {
      cwd: home,
      env: { ...env, HOMELAB_NODE: node },
      detached: true,
      stdio: 'pipe',
    })
    const running: Running = { kill: (signal) => signalGroup(child, signal) }
    this.#running.set(running, command)
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', quiet)
    channel.pipe(child.stdin)
    if (hangUp !== undefined) {
      child.stdout.resume()
      child.stderr.resume()
      child.once('close', () => {
        this.#running.delete(running)
        hangUp()
      })
      return running
    }
    child.stdout.pipe(channel, { end: false })
    child.stderr.pipe(channel.stderr, { end: false })
    child.once('error', (error) => {
      this.#running.delete(running)
      channel.stderr.write(`${error.message}\n`)
      channel.exit(127)
      channel.end()
    })
    child.once('close', (code, signal) => {
      this.#running.delete(running)
      if (signal) channel.exit(signal.replace(/^SIG/, ''), false, '')
      else channel.exit(code ?? 255)
      channel.end()
    })
    // Without a terminal sshd does not kill a command whose client went away: its pipes break.
    channel.once('close', () => {
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
    })
    return running
  }
}

/** A signal to the whole group, as sshd sends it. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (!child.pid) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // It ended in the meantime.
  }
}
