/** Debian's Prometheus on a day of samples that a test writes: nothing is scraped, so nothing has to be waited for. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startServer } from './server.ts'
import { freePort } from './sshd.ts'

const run = promisify(execFile)

export interface Samples {
  /** Name and labels as in a query: `up{job="x"}`. */
  readonly series: string
  readonly stepMs: number
  /** @returns undefined where nothing was scraped */
  readonly value: (at: number) => number | undefined
}

export interface RunningPrometheus extends AsyncDisposable {
  readonly url: string
  readonly login: { readonly user: string; readonly password: string }
}

const login = { user: 'lab', password: 'test-password' }
/** bcrypt of the password above. */
const hash = '$2b$04$gLnKrE/uK6BYNZWR6vac5eacMX9wYiIcDsqx5yEDw0deLvH0sv/9a'

/** @param span milliseconds since the epoch; not younger than a few minutes, for which Prometheus has its own block */
export async function startPrometheus(
  samples: readonly Samples[],
  span: { readonly from: number; readonly to: number },
): Promise<RunningPrometheus> {
  const dir = mkdtempSync(join(tmpdir(), 'homelab-prometheus-'))
  try {
    const text = join(dir, 'samples.txt')
    writeFileSync(text, openMetrics(samples, span))
    const data = join(dir, 'data')
    await run('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', text, data])
    const port = await freePort()
    const config = join(dir, 'prometheus.yml')
    const web = join(dir, 'web.yml')
    writeFileSync(config, 'global: {}\n')
    writeFileSync(web, `basic_auth_users: { ${login.user}: '${hash}' }\n`)
    const server = await startServer(
      [
        'prometheus',
        `--config.file=${config}`,
        `--web.config.file=${web}`,
        `--storage.tsdb.path=${data}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { ready: /Server is ready to receive web requests/ },
    )
    return {
      url: `http://127.0.0.1:${port}`,
      login,
      async [Symbol.asyncDispose]() {
        await server.stop()
        rmSync(dir, { recursive: true, force: true })
      },
    }
  } catch (error) {
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
}

/** All samples of a metric stand together, or the format is not kept to. */
function openMetrics(samples: readonly Samples[], { from, to }: { from: number; to: number }): string {
  const nameOf = ({ series }: Samples) => series.split('{')[0] ?? ''
  const lines = samples
    .toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)))
    .flatMap(({ series, stepMs, value }) => {
      const times = Array.from(
        { length: Math.floor((to - from) / stepMs) + 1 },
        (_, index) => from + index * stepMs,
      )
      return times.flatMap((at) => {
        const found = value(at)
        return found === undefined ? [] : [`${series} ${found} ${at / 1000}`]
      })
    })
  return `${lines.join('\n')}\n# EOF\n`
}
