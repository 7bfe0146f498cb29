/** Traefik's file provider: it reads the whole directory again at each change in it, and one file that it cannot read undoes all of that. */
import { type FSWatcher, readdirSync, readFileSync, watch } from 'node:fs'
import { join, sep } from 'node:path'
import { type Dynamic, decode, noDynamic, untemplated } from './dynamic.ts'

const kinds = ['routers', 'services', 'middlewares', 'serversTransports'] as const
const words = {
  routers: 'router',
  services: 'service',
  middlewares: 'middleware',
  serversTransports: 'servers transport',
}

export interface FileProvider {
  /** What the directory says now; undefined, with a line in the log, when a file is wrong. */
  read(first: boolean): Dynamic | undefined
  watch(): void
  stop(): void
}

export interface FileProviderOptions {
  /** The folder that stands for the directory. */
  readonly folder: string
  /** As Traefik calls it. */
  readonly directory: string
  readonly log: (line: object) => void
  readonly changed: () => void
}

export function fileProvider({ folder, directory, log, changed }: FileProviderOptions): FileProvider {
  const watchers: FSWatcher[] = []
  const called = (path: string): string => directory + path.slice(folder.length).split(sep).join('/')

  function collect(at: string, into: Record<(typeof kinds)[number], Record<string, unknown>>): void {
    const entries = readdirSync(at, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) {
      const path = join(at, entry.name)
      if (entry.isDirectory()) {
        collect(path, into)
        continue
      }
      const [, kind] = /\.(toml|ya?ml)$/i.exec(entry.name) ?? []
      if (kind === undefined) continue
      let read: Dynamic
      try {
        const text = untemplated(readFileSync(path, 'utf8'))
        // There is no reader of TOML here: such a file is taken as one without routes.
        read = kind.toLowerCase() === 'toml' ? noDynamic : decode(text)
      } catch (error) {
        throw new Error(`${called(path)}: ${error instanceof Error ? error.message : String(error)}`)
      }
      for (const each of kinds)
        for (const [name, config] of Object.entries(read[each])) {
          if (into[each][name] === undefined) into[each][name] = config
          else
            log({
              level: 'warn',
              providerName: 'file',
              message: `HTTP ${words[each]} already configured, skipping`,
              name,
            })
        }
    }
  }

  return {
    read(first) {
      const all = { routers: {}, services: {}, middlewares: {}, serversTransports: {} }
      try {
        collect(folder, all)
        return all
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error)
        log({
          level: 'error',
          providerName: 'file',
          error: `collecting file configs: ${said}`,
          message: first
            ? 'Error while building configuration (for the first time)'
            : 'Error occurred during watcher callback',
        })
        return undefined
      }
    },
    watch() {
      // What is in folders counts, but only the directory itself is watched.
      const watcher = watch(folder, () => changed())
      watcher.on('error', () => {})
      watchers.push(watcher)
    },
    stop() {
      for (const watcher of watchers.splice(0)) watcher.close()
    },
  }
}
