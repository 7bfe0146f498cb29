import { HomelabError } from '../errors.ts'

const plain = /^[A-Za-z0-9_./:@%+,-]+$/

const single = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/**
 * One line for a POSIX shell that runs exactly this argv: the only place where a command becomes text.
 * The first word is always quoted, or it could be taken as an alias, a keyword or an assignment.
 * @throws HomelabError `usage` for an empty argv or a NUL, which no process can be given
 */
export function quoteArgv(argv: readonly string[]): string {
  if (argv.length === 0 || argv[0] === '') throw new HomelabError('usage', 'a command needs a program to run')
  if (argv.some((argument) => argument.includes('\0'))) {
    throw new HomelabError('usage', 'a command cannot hold a NUL character')
  }
  return argv
    .map((argument, index) => (index > 0 && plain.test(argument) ? argument : single(argument)))
    .join(' ')
}

/**
 * One word of shell that means exactly this text, for the few places where a script is written and not a command.
 * @throws HomelabError `usage` for a NUL
 */
export function quoteWord(text: string): string {
  if (text.includes('\0')) throw new HomelabError('usage', 'a command cannot hold a NUL character')
  return single(text)
}
