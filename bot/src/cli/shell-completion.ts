import { fileURLToPath } from 'node:url'
import { HomelabError } from '@homelab/core'

const program = fileURLToPath(new URL('../../../bin/homelab.mjs', import.meta.url))

/** Candidates come one a line and are quoted: names of the lab must never be read as shell. */
const bash = `# homelab completion: eval "$(npx homelab completion bash)"
command -v homelab >/dev/null || homelab() { node '${program.replaceAll("'", "'\\''")}' "$@"; }
_homelab() {
  local line="\${COMP_LINE:0:COMP_POINT}" candidate
  COMPREPLY=()
  while IFS= read -r candidate; do
    COMPREPLY+=("$(printf '%q' "$candidate")")
  done < <(homelab __complete "\${line#* }" 2>/dev/null)
}
complete -F _homelab homelab
`

const zsh = `# homelab completion: eval "$(npx homelab completion zsh)"
autoload -U +X bashcompinit && bashcompinit
${bash}`

/** @throws HomelabError `usage` for a shell it does not know */
export function completionScript(shell: string): string {
  if (shell === 'bash') return bash
  if (shell === 'zsh') return zsh
  throw new HomelabError('usage', `There is no completion for "${shell}".`, {
    hint: 'bash and zsh have one.',
  })
}
