import { awaiting, sh } from '../job/shell.ts'

const text = [
  sh`
said=$(mktemp -d) || exit 1
stop() {
  cancelled=1
  [ -z "$child" ] || kill -INT "$child" 2>/dev/null
}`,
  awaiting,
  sh`
trap stop INT TERM HUP
trap '' PIPE
setsid "$@" >"$said/out" 2>"$said/err" </dev/null &
child=$!
awaited
code=$?
tail -c 1000000 "$said/out"
tail -c 1000000 "$said/err" >&2
rm -rf "$said"
exit "$code"
`,
].join('\n')

/**
 * What runs restic when that holds the exclusive lock for long. When we are told to stop it gets a SIGINT, because any other signal
 * leaves its lock behind in 0.14; the SIGTERM that ends a command goes to a whole process group, so it has one of its own. It writes
 * to files, so that a connection that breaks does not end it by SIGPIPE.
 */
export const lockKeeper: readonly string[] = ['sh', '-c', text, 'homelab']
