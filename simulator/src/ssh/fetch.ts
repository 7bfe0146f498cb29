/** What is fetched from the internet: nothing is. A file of the lab stands for it, and a script for one of the community's. */
import { type Files, file, nameIn, normal, parentOf } from '../files/tree.ts'
import type { Output } from './answer.ts'
import { fail } from './answer.ts'
import { scriptAt } from './community.ts'

const valued = [
  '-o',
  '--output',
  '-O',
  '-H',
  '--header',
  '-m',
  '--max-time',
  '--connect-timeout',
  '--retry',
  '-A',
  '-w',
]

export function fetch(program: string, args: readonly string[], files: Files): Output {
  const value = (...names: readonly string[]): string | undefined => {
    const at = args.findIndex((arg) =>
      names.some(
        (name) =>
          arg === name || (/^-[a-zA-Z]+$/.test(arg) && arg.endsWith(name.slice(1)) && name.length === 2),
      ),
    )
    return at < 0 ? undefined : args[at + 1]
  }
  const url = args.find((arg, index) => /^https?:/.test(arg) && !valued.includes(args[index - 1] ?? '')) ?? ''
  const script = scriptAt(url)
  if (script === undefined && url.startsWith('https://raw.githubusercontent.com/community-scripts/'))
    return fail(`${program}: (22) The requested URL returned error: 404`, 22)
  const text = script ?? `${url}\nof the simulated lab\n`
  const to =
    program === 'wget'
      ? value('-O', '--output-document')
      : (value('-o', '--output') ?? (args.includes('-O') ? `./${nameIn(url)}` : undefined))
  if (to === undefined || to === '-') return { stdout: text }
  if (to === '/dev/null') return {}
  const at = normal(to)
  if (files.get(parentOf(at))?.kind !== 'folder')
    return fail(`${program}: (23) client returned ERROR on write`, 23)
  files.put(at, file(text))
  return {}
}

/** Whether it is of the internet, and no check of what runs here. */
export const isRemote = (args: readonly string[]): boolean =>
  args.some((arg) => /^https?:\/\/(?!127\.|localhost|\[::1\]|192\.168\.|10\.)/.test(arg))
