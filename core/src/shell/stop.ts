/**
 * A command that can be ended by another one beside it: closing a channel does not end it, and sshd refuses SSH's own signals
 * for root (they need a privilege separation that root's logins do not have).
 */
import { quoteArgv } from './quote.ts'

/** @param mark letters and digits; of this command alone */
export const markedLine = (argv: readonly string[], mark: string): string =>
  `HOMELAB_EXEC=${mark} exec ${quoteArgv(argv)}`

/**
 * Ends the process group of the marked command. Only the group that this connection's sshd started:
 * what the command itself has detached (setsid) is meant to live on. It is looked for during a second,
 * as the login shell may still be reading its profile.
 */
export const stopLine = (mark: string): string =>
  [
    'n=0;while [ $n -lt 5 ]',
    `do for f in $(grep -lsF HOMELAB_EXEC=${mark} /proc/[0-9]*/environ)`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: shell, not a template
    'do p=${f#/proc/};p=${p%/environ}',
    'if grep -qs "^PPid:[[:space:]]*$PPID\\$" /proc/$p/status;then kill -s TERM -- -$p;exit;fi',
    'done;n=$((n+1));sleep 0.2',
    'done',
  ].join('\n')
