import { HomelabError } from '@homelab/core'

const bash = `# homelab completion: eval "$(npx homelab completion bash)"
_homelab() {
  local line="\${COMP_LINE:0:COMP_POINT}"
  local IFS=$'\\n'
  COMPREPLY=( $(compgen -W "$(homelab __complete "\${line#* }" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}") )
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
