/** What runs inside the new container: the steps of its blueprint, one after the other, each of which may run twice. */

import { HomelabError } from '../errors.ts'
import { addedStep } from '../operation/added.ts'
import type { Shell } from '../ports.ts'
import type { Secret } from '../secret.ts'
import type { InstallStep } from './blueprint.ts'
import { lastWords } from './pct.ts'
import { clearUnattended, runUnattended } from './unattended.ts'
import { again, type MadeWork, TRIES } from './work.ts'

/** Milliseconds that one step may take. */
const STEP_MS = 1_800_000

export interface Values {
  readonly hostname: string
  /** Where people open it; empty when it is not exposed. */
  readonly url: string
  readonly database?: {
    readonly host: string
    readonly port: number
    readonly name: string
    readonly role: string
    readonly password: Secret
  }
}

/** `{database.url}` and the like; what is not known stays as it is, because braces may be the file's own. */
export function filled(text: string, { hostname, url, database }: Values): string {
  const plain: Record<string, string> = { hostname, url }
  if (database !== undefined) {
    const { host, port, name, role, password } = database
    const secret = password.reveal()
    const at = host.includes(':') ? `[${host}]` : host
    Object.assign(plain, {
      'database.host': host,
      'database.port': String(port),
      'database.name': name,
      'database.role': role,
      'database.password': secret,
      'database.url': `postgresql://${role}:${encodeURIComponent(secret)}@${at}:${port}/${name}`,
    })
  }
  return text.replaceAll(/\{([a-z.]+)\}/g, (whole, key: string) => plain[key] ?? whole)
}

const usesDatabase = (step: InstallStep): boolean => 'file' in step && step.text.includes('{database.')

/**
 * @param credentials makes a password that counts from now on. It is kept nowhere but in the container: a step that has to be
 * done again has a new one, and so has every file that holds it
 */
export async function install(
  work: MadeWork,
  plain: Omit<Values, 'database'>,
  credentials: () => Promise<Values['database']>,
): Promise<void> {
  const { found, services, guest, verbs } = work
  const { install: steps } = found.from.blueprint
  const shell = services.shells.guest(guest)
  const secret = steps.filter(usesDatabase)
  for (const [index, step] of steps.entries()) {
    const name = `install ${index + 1}`
    const text = 'run' in step ? step.run.join(' ') : `writing ${step.file}`
    verbs.report({
      text: `Installing: ${text.slice(0, 120)}`,
      done: index,
      total: steps.length,
      unit: 'items',
    })
    if (usesDatabase(step)) {
      // All of them at the first: they share one password, and it is not kept with the run.
      if (step !== secret[0]) continue
      await again(work, name, async (attempt) => {
        const database = await credentials()
        const values = { ...plain, ...(database === undefined ? {} : { database }) }
        for (const each of secret)
          await one(work, shell, each, `${name}-${secret.indexOf(each)}-${attempt}`, values)
        return null
      })
    } else {
      await again(work, name, async (attempt) => {
        await one(work, shell, step, `${name}-${attempt}`, plain)
        return null
      })
      if ('run' in step)
        await addedStep(verbs, `${name}: clear`, null, async () => {
          for (let attempt = 0; attempt < TRIES; attempt += 1)
            await clearUnattended(shell, { key: keyOf(work, `${name}-${attempt}`) })
          return null
        })
    }
  }
}

const keyOf = ({ mark }: MadeWork, name: string): string => `${mark}-${name.replaceAll(' ', '-')}`

async function one(
  work: MadeWork,
  shell: Shell,
  step: InstallStep,
  name: string,
  values: Values,
): Promise<void> {
  const { verbs, services, found, guest } = work
  if ('file' in step) {
    await writeFile(shell, step, filled(step.text, values), verbs.signal)
    return
  }
  const argv = step.run.map((each) => filled(each, values))
  const { code, lines } = await runUnattended(shell, argv, {
    key: keyOf(work, name),
    clock: services.clock,
    signal: verbs.signal,
    limitMs: STEP_MS,
    // What an earlier try has begun ends first.
    lock: 'homelab-install',
    env: step.env,
    onLine: (line) => verbs.log(line),
  })
  if (code === 0) return
  throw new HomelabError(
    'failed',
    `${step.run.slice(0, 3).join(' ')} in ${found.name} ended with ${code}: ${lines.at(-1) ?? ''}`,
    {
      hint: 'Its whole text is in the log of this run.',
      data: { vmid: guest.vmid, argv: step.run, code, lines: lines.slice(-20) },
    },
  )
}

/** Arguments: the file, its mode, its owner or nothing, its length, its folder. What was cut off on its way never becomes the file. */
const put = [
  'set -e',
  'mkdir -p -- "$5"',
  'umask 077',
  'new=$1.homelab.tmp',
  'tee -- "$new" >/dev/null',
  '[ "$(stat -c %s -- "$new")" = "$4" ] || { rm -f -- "$new"; exit 67; }',
  'chmod -- "$2" "$new"',
  '[ -z "$3" ] || chown -- "$3" "$new"',
  'mv -f -- "$new" "$1"',
].join('\n')

async function writeFile(
  shell: Shell,
  { file, mode, owner }: Extract<InstallStep, { readonly file: string }>,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  const length = new TextEncoder().encode(text).length
  const argv = [
    'sh',
    '-c',
    put,
    'put',
    file,
    mode,
    owner ?? '',
    String(length),
    file.replace(/\/[^/]*$/, '') || '/',
  ]
  const result = await shell.exec(argv, { stdin: text, signal })
  if (result.code === 0) return
  throw new HomelabError('failed', `${file} could not be written: ${lastWords(result)}`, {
    data: { file, code: result.code },
  })
}
