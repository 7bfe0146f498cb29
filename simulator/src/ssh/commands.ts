/** Commands that came by SSH: really run by /bin/sh, in a group of their own, and without a terminal. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import type { ServerChannel } from 'ssh2'
import type { Sim } from '../sim.ts'
import type { Programs } from './programs.ts'

/** In which container a command runs, as far as its text tells: `pct exec 110 …`, quoted or not. */
const containerOf = (command: string): string | undefined =>
  /\bpct'?\s+'?exec'?\s+'?(\d+)\b/.exec(command)?.[1]

export class Commands {
  readonly #sim: Sim
  readonly #running = new Map<ChildProcess, string>()
  programs: Programs | undefined

  constructor(sim: Sim) {
    this.#sim = sim
    sim.lab.onChange((guest) => {
      if (guest.state === 'stopped' || !sim.lab.guests.has(guest.vmid)) this.#endIn(String(guest.vmid))
    })
  }

  /** Nothing outlives its container. */
  #endIn(vmid: string): void {
    for (const [child, command] of this.#running) {
      if (containerOf(command) === vmid) signalGroup(child, 'SIGKILL')
    }
  }

  endAll(): void {
    for (const child of this.#running.keys()) signalGroup(child, 'SIGKILL')
  }

  run(channel: ServerChannel, command: string): ChildProcess | undefined {
    if (!this.programs) return undefined
    this.#sim.journal.counts.execs += 1
    this.#sim.journal.add({ kind: 'exec', command })
    const { home, env } = this.programs
    // sshd gives the line to the login shell; the client's environment is dropped.
    const child = spawn('/bin/sh', ['-c', command], { cwd: home, env, detached: true, stdio: 'pipe' })
    this.#running.set(child, command)
    // The other end may be gone at any time: that shows in the exit code.
    const quiet = () => {}
    for (const stream of [child.stdin, child.stdout, child.stderr, channel]) stream.on('error', quiet)
    channel.pipe(child.stdin)
    child.stdout.pipe(channel, { end: false })
    child.stderr.pipe(channel.stderr, { end: false })
    child.once('error', (error) => {
      this.#running.delete(child)
      channel.stderr.write(`${error.message}\n`)
      channel.exit(127)
      channel.end()
    })
    child.once('close', (code, signal) => {
      this.#running.delete(child)
      if (signal) channel.exit(signal.replace(/^SIG/, ''), false, '')
      else channel.exit(code ?? 255)
      channel.end()
    })
    // Without a terminal sshd does not kill a command whose client went away: its pipes break.
    channel.once('close', () => {
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
    })
    return child
  }
}

/** A signal to the whole group, as sshd sends it. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (!child.pid) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // It ended in the meantime.
  }
}
