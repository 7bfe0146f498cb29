/** What people type: their client makes ids of `@name` and `#channel`. */
import { escapeTyped } from '../markup.ts'
import type { Workspace } from '../workspace.ts'

const NAMES = /(?<![\w@/])([@#])([\w.-]*\w)/g
const URLS = /\bhttps?:\/\/[^\s<>]+/g

/** `mention` makes what stands for `@name`, if there is anybody. */
function typed(text: string, workspace: Workspace, mention: (name: string) => string | undefined): string {
  return escapeTyped(text)
    .replace(URLS, (url) => `<${url}>`)
    .replace(NAMES, (whole, sign: string, name: string) => {
      if (sign === '@') return mention(name) ?? whole
      const channel = workspace.findChannel(name)
      return channel ? `<#${channel.id}|${channel.name}>` : whole
    })
}

/** As it stands in a message. */
export const typedMessage = (text: string, workspace: Workspace): string =>
  typed(text, workspace, (name) => {
    if (['here', 'channel', 'everyone'].includes(name)) return `<!${name}>`
    const user = workspace.findUser(name)
    if (user) return `<@${user.id}>`
    const group = workspace.findGroup(name)
    return group && `<!subteam^${group.id}>`
  })

/** As a slash command gets it: with `should_escape` names come with their ids, without it just as typed. */
export function typedCommand(text: string, workspace: Workspace, shouldEscape: boolean): string {
  if (!shouldEscape) return text
  return typed(text, workspace, (name) => {
    const user = workspace.findUser(name)
    if (user) return `<@${user.id}|${user.name}>`
    const group = workspace.findGroup(name)
    return group && `<!subteam^${group.id}|@${group.handle}>`
  })
}
