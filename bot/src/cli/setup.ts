/** `homelab slack manifest`, `homelab discord invite`: what one needs before there is a bot to ask. */
import { createRegistry, HomelabError } from '@homelab/core'
import { operations } from '@homelab/core/operations'
import { inviteUrl } from '../discord/invite.ts'
import { type Flags, fileOf } from '../settings.ts'
import { slackManifest } from '../slack/manifest.ts'

const usages: Readonly<Record<string, string>> = {
  slack: 'homelab slack manifest [--url https://…]',
  discord: 'homelab discord invite [application id]',
}

/**
 * @returns what to print
 * @throws HomelabError `usage`, or `config` when there is no Discord token to read the application id from
 */
export async function setup(words: readonly string[], flags: Flags): Promise<string> {
  const [platform = '', verb, ...rest] = words
  if (platform === 'slack' && verb === 'manifest') {
    const url = optionIn(rest, 'url')
    const manifest = slackManifest(createRegistry(operations), url === undefined ? {} : { url })
    return `${JSON.stringify(manifest, null, 2)}\n`
  }
  if (platform === 'discord' && verb === 'invite')
    return `${inviteUrl(rest[0] ?? (await discordToken(flags)))}\n`
  throw new HomelabError('usage', `"${words.join(' ').slice(0, 60)}" is no command.`, {
    hint: `It is: ${usages[platform] ?? ''}`,
  })
}

function optionIn(words: readonly string[], name: string): string | undefined {
  const at = words.findIndex((word) => word === `--${name}` || word.startsWith(`--${name}=`))
  const word = words[at]
  if (word === undefined) return undefined
  const value = word.includes('=') ? word.slice(word.indexOf('=') + 1) : words[at + 1]
  if (value === undefined || !URL.canParse(value))
    throw new HomelabError('usage', `--${name} needs an address, such as https://homelab.example.com.`)
  return value
}

/** From homelab.yaml, else from the environment, as `--discord` would have it. */
async function discordToken(flags: Flags): Promise<string> {
  const given = process.env.DISCORD_TOKEN ?? ''
  if (given !== '') return given
  const source = await fileOf(flags)
  const discord = source?.file.current().discord
  if (source !== undefined && discord !== undefined)
    return (await source.secrets.resolve(discord.token)).reveal()
  throw new HomelabError('config', 'There is no Discord token to read the application id from.', {
    hint: 'Give the id: `homelab discord invite 123456789012345678`. It is on the page "General Information" of your application.',
  })
}
