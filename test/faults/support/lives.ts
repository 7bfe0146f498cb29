/** Starts, hears and kills one bot process after another on one state file. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { RunView } from '@homelab/core'
import type { BotConfig, FromBot, ToBot } from './messages.ts'

const script = fileURLToPath(new URL('./bot.ts', import.meta.url))

export interface Life {
  readonly pid: number
  readonly startedAt: number
  readonly heard: readonly FromBot[]
  /** Not an error when the process is dead by then: it was told, and did not hear. */
  tell(message: ToBot): void
  /** The first message, of those already heard and those to come, that is so. @throws when it dies or is silent first */
  hears<T extends FromBot>(is: (message: FromBot) => message is T, ms?: number): Promise<T>
  ended(): Promise<string>
  kill(): Promise<void>
}

export const isReady = (message: FromBot) => message.said === 'ready'
export const isList = (message: FromBot) => message.said === 'list'
export const isAccepted = (message: FromBot) => message.said === 'accepted'
export const isRefused = (message: FromBot) => message.said === 'refused'
export const isDoing =
  (what: string) =>
  (message: FromBot): message is FromBot & { said: 'doing' } =>
    message.said === 'doing' && message.what === what
export const isRun =
  (state: RunView['state']) =>
  (message: FromBot): message is FromBot & { said: 'run' } =>
    message.said === 'run' && message.run.state === state

export function startLife(config: BotConfig): Life {
  const startedAt = Date.now()
  const child: ChildProcess = fork(script, [JSON.stringify(config)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const heard: FromBot[] = []
  child.on('message', (message: FromBot) => heard.push(message))
  child.on('error', () => {})
  const exit = once(child, 'exit').then(([code, signal]) => String(signal ?? code))
  return {
    pid: child.pid ?? 0,
    startedAt,
    heard,
    tell: (message) => {
      if (child.connected) child.send(message, () => {})
    },
    hears: <T extends FromBot>(is: (message: FromBot) => message is T, ms = 20_000) =>
      new Promise<T>((resolve, reject) => {
        const known = heard.find(is)
        if (known) return resolve(known)
        const stop = (error?: Error) => {
          clearTimeout(timer)
          child.off('message', look)
          if (error) reject(error)
        }
        const timer = setTimeout(
          () => stop(new Error(`silent; heard ${JSON.stringify(heard.slice(-5))}`)),
          ms,
        )
        const look = (message: FromBot) => {
          if (!is(message)) return
          stop()
          resolve(message)
        }
        child.on('message', look)
        void exit.then((how) =>
          stop(new Error(`ended with ${how}; heard ${JSON.stringify(heard.slice(-5))}`)),
        )
      }),
    ended: () => exit,
    async kill() {
      child.kill('SIGKILL')
      await exit
    },
  }
}
