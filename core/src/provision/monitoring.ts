/** What Prometheus is told of one service, by two files in folders of its container that it reads. Everything may be done again. */
import { HomelabError } from '../errors.ts'
import type { PrometheusSettings } from '../inventory/monitoring-schema.ts'
import type { ExecResult, Shell } from '../ports.ts'
import { type AlertRule, rulesText, type ScrapeTarget, targetsText } from './monitoring-files.ts'
import { putScript, removeScript } from './monitoring-script.ts'

export type Folders = Pick<PrometheusSettings, 'url' | 'targets' | 'rules'>

export interface Told {
  /** false: nothing was to be changed. */
  readonly changed: boolean
  /** Whether Prometheus itself said that it reads it. Not when it cannot be asked there without a login. */
  readonly verified: boolean
}

/** Of the script: the reload, and looking whether it had an effect. */
const TIMEOUT_MS = 120_000

/**
 * Prometheus reads such a file by itself, within seconds.
 * @param labels of everything that is measured there, such as the service and its VMID
 * @throws HomelabError `config` when it does not read the folder, `failed` when the file cannot be written
 */
export async function putTargets(
  service: string,
  targets: readonly ScrapeTarget[],
  labels: Readonly<Record<string, string>>,
  shell: Shell,
  settings: Folders,
): Promise<Told> {
  const folder = folderOf(settings, 'targets')
  const argv = [...putScript, 'targets', folder, nameOf(service), settings.url]
  const result = await shell.exec(argv, {
    stdin: targetsText(service, targets, labels),
    timeoutMs: TIMEOUT_MS,
  })
  return toldBy(result, service, folder)
}

/**
 * Rules that Prometheus does not take are taken out again.
 * @throws HomelabError `config` when they are wrong or it does not read the folder, `failed` when it cannot be told to read them
 */
export async function putRules(
  service: string,
  rules: readonly AlertRule[],
  shell: Shell,
  settings: Folders,
): Promise<Told> {
  const folder = folderOf(settings, 'rules')
  const argv = [...putScript, 'rules', folder, nameOf(service), settings.url]
  const result = await shell.exec(argv, { stdin: rulesText(service, rules), timeoutMs: TIMEOUT_MS })
  return toldBy(result, service, folder)
}

/** Both files, if they are there. @throws HomelabError `failed` when Prometheus cannot be told that its rules are gone */
export async function removeMonitoring(service: string, shell: Shell, settings: Folders): Promise<Told> {
  const { targets, rules } = settings
  if (targets === undefined && rules === undefined) return { changed: false, verified: true }
  const folders = [targets ?? '', rules ?? ''].map(withoutSlash)
  const argv = [...removeScript, ...folders, nameOf(service), settings.url]
  return toldBy(await shell.exec(argv, { timeoutMs: TIMEOUT_MS }), service, folders.join(' '))
}

function folderOf(settings: Folders, which: 'targets' | 'rules'): string {
  const folder = settings[which]
  if (folder !== undefined) return withoutSlash(folder)
  throw new HomelabError('config', `homelab.yaml does not say where Prometheus reads ${which} from.`, {
    hint: `Set monitoring.prometheus.${which}: docs/monitoring.md`,
  })
}

const withoutSlash = (path: string): string => path.replace(/\/+$/, '')

/** Of its files: the names of services are no paths, and none begins with a dot. */
function nameOf(service: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(service)) return service
  throw new HomelabError('usage', `${JSON.stringify(service)} cannot be the name of a file.`)
}

function toldBy({ code, stdout, stderr }: ExecResult, service: string, folder: string): Told {
  const said = stderr.trim().slice(-2000)
  const data = { stderr: said }
  switch (code) {
    case 0: {
      const words = stdout.split('\n')
      return { changed: words.includes('changed'), verified: words.includes('verified') }
    }
    case 81:
      throw new HomelabError('config', `Prometheus does not read ${folder}.`, {
        hint: 'Add it to prometheus.yml: docs/monitoring.md, "Services that are provisioned". Nothing was written.',
      })
    case 82:
      throw new HomelabError('config', `The alert rules of ${service} are wrong: ${said}`, {
        hint: 'Nothing was written. Mend `alerts` of its blueprint.',
        data,
      })
    case 83:
      throw new HomelabError('config', `Prometheus does not take the rules of ${service}: ${said}`, {
        hint: '`logs prometheus` says why. They were taken out again.',
        data,
      })
    case 84:
      throw new HomelabError('failed', `Prometheus cannot be told to read its rules: ${said}`, {
        hint: 'Is it running? Nothing was changed.',
        data,
      })
    case 85:
      throw new HomelabError('conflict', `${folder} has a file of ${service} that homelab did not make.`, {
        hint: 'Move it away, or call the service something else.',
      })
    default:
      throw new HomelabError('failed', `${folder} cannot be written: ${said || `exit ${code}`}`, { data })
  }
}
