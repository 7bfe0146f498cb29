/** Where things are: from flags first, then the environment, then the folder one stands in. */
import { access, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { HomelabError } from '@homelab/core'
import { type Inventory, parseInventory, stateIn } from '@homelab/core/inventory'
import { createSecrets, type OpenInventory, openInventory, type Secrets } from '@homelab/core/node'
import { type SimulatedLab, simulatedLab } from './lab/simulated.ts'

export interface Flags {
  readonly config?: string | undefined
  readonly state?: string | undefined
  readonly simulate?: boolean | undefined
  /** Join Discord with the tokens of the environment, where the file does not say how. */
  readonly discord?: boolean | undefined
  readonly slack?: boolean | undefined
}

export interface Source {
  readonly inventory: () => Inventory
  readonly secrets: Secrets
  /** Absent without a file. */
  readonly file?: OpenInventory
  readonly simulated?: SimulatedLab
  readonly stateDir: string
  /** For people: which lab this is. */
  readonly label: string
}

const defaultState = '.homelab'

const stateDirOf = (flags: Flags, fromFile: string | undefined): string =>
  resolve(flags.state ?? process.env.HOMELAB_STATE ?? fromFile ?? defaultState)

const configPath = (flags: Flags): string => flags.config ?? process.env.HOMELAB_CONFIG ?? 'homelab.yaml'

/** The state folders in which a bot for these flags would be found, even while homelab.yaml is being edited. */
export async function stateDirs(flags: Flags): Promise<readonly string[]> {
  const text = await readFile(configPath(flags), 'utf8').catch(() => undefined)
  const real = stateDirOf(flags, text === undefined ? undefined : stateIn(text))
  const simulated = join(stateDirOf(flags, undefined), 'simulated')
  if (flags.simulate === true) return [simulated]
  return text === undefined ? [real, simulated] : [real]
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/**
 * A file, or nothing but a token in the environment, or else the simulated lab.
 * @throws HomelabError `config` with every problem of the file
 */
export async function openSource(flags: Flags): Promise<Source> {
  const source = await openLab(flags)
  const chats = chatsFromEnvironment(flags, process.env)
  if (chats.discord === undefined && chats.slack === undefined) return source
  // One object for each state of the file: what is made of an inventory is kept for as long as it is the same one.
  let last: { readonly of: Inventory; readonly with: Inventory } | undefined
  const inventory = () => {
    const now = source.inventory()
    if (last?.of !== now) last = { of: now, with: { ...chats, ...now } }
    return last.with
  }
  return { ...source, inventory }
}

/** The file that these flags mean, when there is one. @throws HomelabError `config` */
export async function fileOf(
  flags: Flags,
): Promise<{ readonly file: OpenInventory; readonly secrets: Secrets } | undefined> {
  const { env } = process
  const path = configPath(flags)
  const named = flags.config ?? env.HOMELAB_CONFIG
  if (flags.simulate === true || (named === undefined && !(await exists(path)))) return undefined
  // Not at the top: a terminal that only talks to a bot is ready sooner without them.
  const { operations } = await import('@homelab/core/operations')
  const file = await openInventory(resolve(path), { mustExist: true, operations })
  return { file, secrets: createSecrets({ env, vault: () => file.current().vault }) }
}

async function openLab(flags: Flags): Promise<Source> {
  const { env } = process
  const found = await fileOf(flags)
  if (found !== undefined) {
    const { file, secrets } = found
    return {
      inventory: file.current,
      secrets,
      file,
      stateDir: stateDirOf(flags, file.current().state),
      label: file.current().name,
    }
  }
  if (flags.simulate !== true && env.PROXMOX_URL !== undefined) {
    const inventory = fromEnvironment(env)
    return {
      inventory: () => inventory,
      secrets: createSecrets({ env }),
      stateDir: stateDirOf(flags, undefined),
      label: env.PROXMOX_URL,
    }
  }
  const stateDir = join(stateDirOf(flags, undefined), 'simulated')
  const simulated = await simulatedLab(stateDir)
  const secrets = createSecrets({ env: { ...env, ...simulated.env } })
  return {
    inventory: simulated.inventory,
    file: simulated.file,
    secrets,
    simulated,
    stateDir,
    label: simulated.inventory().name,
  }
}

/** Names of environment variables that `--discord` and `--slack` read; of the first only whether it is there. */
const chatVariables = {
  discord: [
    ['token', 'DISCORD_TOKEN'],
    ['guild', 'DISCORD_GUILD'],
    ['api', 'DISCORD_API_URL'],
  ],
  slack: [
    ['token', 'SLACK_BOT_TOKEN'],
    ['app_token', 'SLACK_APP_TOKEN'],
    ['api', 'SLACK_API_URL'],
  ],
} as const

/** @throws HomelabError `config` when a flag is given and its token is not */
function chatsFromEnvironment(flags: Flags, env: NodeJS.ProcessEnv): Pick<Inventory, 'discord' | 'slack'> {
  const lines: string[] = []
  for (const platform of ['discord', 'slack'] as const) {
    if (flags[platform] !== true) continue
    lines.push(`${platform}:`)
    for (const [key, name] of chatVariables[platform]) {
      const value = env[name]
      const secret = key === 'token' || key === 'app_token'
      if (secret && (value ?? '') === '')
        throw new HomelabError('config', `--${platform} needs ${name} in the environment.`, {
          hint: `docs/${platform}.md says how to get it, in ten minutes.`,
        })
      if (value !== undefined) lines.push(`  ${key}: ${secret ? `env:${name}` : JSON.stringify(value)}`)
    }
  }
  const { discord, slack } = parseInventory(lines.join('\n'), { file: 'environment' })
  return {
    ...(discord === undefined ? {} : { discord }),
    ...(slack === undefined ? {} : { slack }),
  }
}

/** Read through the file's own parser, so that a wrong value gets the same explanation. */
function fromEnvironment(env: NodeJS.ProcessEnv): Inventory {
  const lines = [
    'proxmox:',
    `  endpoints: ${JSON.stringify(env.PROXMOX_URL)}`,
    `  token: { id: ${JSON.stringify(env.PROXMOX_TOKEN_ID ?? '')}, secret: "env:PROXMOX_TOKEN_SECRET" }`,
  ]
  if (env.PROXMOX_FINGERPRINT !== undefined)
    lines.push(`  fingerprint: ${JSON.stringify(env.PROXMOX_FINGERPRINT)}`)
  const [, platform, id] = /^(discord|slack):(\w+)$/.exec(env.HOMELAB_ADMIN ?? '') ?? []
  if (platform !== undefined) lines.push('people:', `  owner: { role: admin, ${platform}: "${id}" }`)
  return parseInventory(lines.join('\n'), { file: 'environment (PROXMOX_URL, PROXMOX_TOKEN_ID)' })
}
