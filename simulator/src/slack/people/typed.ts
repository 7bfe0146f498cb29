/** What people type: their client makes ids of `@name` and `#channel`. */
import { escapeTyped } from '../markup.ts'
import type { Workspace } from '../workspace.ts'

const NAMES = /(?<![\w@/])([@#])([\w.-]*\w)/g
const URLS = /\bhttps?:\/\/[^\s<>]+/g

/** As it stands in a message. */
export function typedMessage(text: string, workspace: Workspace): string {
  return escapeTyped(text)
    .replace(URLS, (url) => `<${url}>`)
    .replace(NAMES, (whole, sign: string, name: string) => {
      if (sign === '#') {
        const channel = workspace.findChannel(name)
        return channel ? `<#${channel.id}|${channel.name}>` : whole
      }
      if (['here', 'channel', 'everyone'].includes(name)) return `<!${name}>`
      const group = workspace.findGroup(name)
      const user = workspace.findUser(name)
      if (user) return `<@${user.id}>`
      return group ? `<!subteam^${group.id}>` : whole
    })
}

/** As a slash command gets it: with `should_escape` names come with their ids, without it just as typed. */
export function typedCommand(text: string, workspace: Workspace, shouldEscape: boolean): string {
  if (!shouldEscape) return text
  return escapeTyped(text)
    .replace(URLS, (url) => `<${url}>`)
    .replace(NAMES, (whole, sign: string, name: string) => {
      if (sign === '#') {
        const channel = workspace.findChannel(name)
        return channel ? `<#${channel.id}|${channel.name}>` : whole
      }
      const user = workspace.findUser(name)
      if (user) return `<@${user.id}|${user.name}>`
      const group = workspace.findGroup(name)
      return group ? `<!subteam^${group.id}|@${group.handle}>` : whole
    })
}
