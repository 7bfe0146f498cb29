/** What an outage looks like, while it lasts and when it is over. */
import type { Button, Card, Cell } from '@homelab/core'
import type { Member, Outage } from './outages.ts'
import { clockTime, fewOf, span } from './words.ts'

/** Rows of a table: more would be no card. */
const MOST = 30

const plural: Readonly<Record<Outage['kind'], string>> = {
  guest: 'guests',
  node: 'nodes',
  storage: 'storages',
  lab: 'labs',
}

export function outageCard(outage: Outage, now: Date): Card {
  const [only, ...others] = outage.members
  if (only !== undefined && others.length === 0) return single(outage, only, now)
  return many(outage, now)
}

const command = (label: string, text: string, style?: Button['style']): Button => ({
  label,
  action: { kind: 'command', text },
  ...(style === undefined ? {} : { style }),
})

const vmidOf = ({ key }: Member): string => key.slice(key.indexOf('/') + 1)

const status = command('Status', 'status')

function again({ times, firstAt }: Member, now: Date): string {
  return times === 1 ? '' : ` It went down ${times} times since ${clockTime(firstAt, now)} UTC.`
}

function single(outage: Outage, member: Member, now: Date): Card {
  const { end, downAt, endAt = downAt } = member
  if (end === undefined) return down(outage, member, now)
  const lasted = `It was down for ${span(downAt, endAt, now)}.${again(member, now)}`
  if (end === 'gone') {
    const text = `It is not in the lab any more, or not in homelab.yaml. ${lasted}`
    return { title: `${member.name} is gone`, tone: 'neutral', text, footer: member.what }
  }
  if (end === 'off') {
    const text = `Somebody stopped it, so it may be down now. ${lasted}`
    return { title: `${member.name} was stopped`, tone: 'neutral', text, footer: member.what }
  }
  return { title: upTitle(outage, member), tone: 'ok', text: lasted, ...small(outage, member) }
}

const small = ({ kind }: Outage, { what }: Member) => (kind === 'guest' ? { footer: what } : {})

function upTitle({ kind }: Outage, { name, what }: Member): string {
  if (kind === 'guest') return `${name} runs again`
  if (kind === 'node') return `Node ${name} is back`
  if (kind === 'storage') return `Storage ${name} ${what} is there again`
  return 'Proxmox answers again'
}

function down({ kind }: Outage, member: Member, now: Date): Card {
  const { name, what, why = 'down', downAt, beneath = [] } = member
  const since = `since ${clockTime(downAt, now)} UTC`
  switch (kind) {
    case 'guest':
      return {
        title: `${name} is down`,
        tone: 'error',
        text: `${what} is ${why} ${since}, and nobody stopped it here or in Proxmox.${again(member, now)}`,
        buttons: [
          command('Start', `start ${vmidOf(member)}`, 'primary'),
          status,
          command('Its tasks', `task list ${vmidOf(member)}`),
        ],
      }
    case 'node':
      return {
        title: `Node ${name} is offline`,
        tone: 'error',
        text: `It does not answer the cluster ${since}.${again(member, now)}`,
        ...(beneath.length === 0
          ? {}
          : { sections: [{ kind: 'text', title: 'Down with it', text: fewOf(beneath) }] }),
        buttons: [command('Nodes', 'node list'), status],
      }
    case 'storage':
      return {
        title: `Storage ${name} ${what} is not there`,
        tone: 'error',
        text: `Proxmox cannot reach it ${since}.${again(member, now)}`,
        buttons: [command('Storages', 'storage list'), status],
      }
    case 'lab':
      return {
        title: 'Proxmox does not answer',
        tone: 'error',
        text: `Nothing can be seen or done ${since}. ${why}${again(member, now)}`,
        buttons: [status],
      }
  }
}

function many({ kind, members }: Outage, now: Date): Card {
  const open = members.filter(({ end }) => end === undefined)
  const names = plural[kind]
  const shown = [...open, ...members.filter(({ end }) => end !== undefined)].slice(0, MOST)
  const startable = kind === 'guest' ? open.map(vmidOf).slice(0, 20) : []
  const title =
    open.length === members.length
      ? `${members.length} ${names} are down`
      : open.length === 0
        ? `${members.length} ${names} are settled again`
        : `${open.length} of ${members.length} ${names} are still down`
  return {
    title,
    tone: open.length === 0 ? 'ok' : 'error',
    ...(kind === 'guest' && open.length > 0 ? { text: 'Nobody stopped them here or in Proxmox.' } : {}),
    sections: [
      {
        kind: 'table',
        columns: [{ name: 'Name' }, { name: 'What' }, { name: 'Now' }, { name: 'Down for' }],
        rows: shown.map((member) => [member.name, member.what, nowCell(member), lasting(member, now)]),
      },
    ],
    buttons: [
      ...(startable.length === 0
        ? []
        : [
            command(
              startable.length === 1 ? 'Start it' : 'Start them',
              `start ${startable.join(' ')}`,
              'primary',
            ),
          ]),
      ...(open.length === 0 ? [] : [status]),
    ],
    ...(members.length > MOST ? { footer: `… ${members.length - MOST} more` } : {}),
  }
}

function nowCell({ end, why = 'down' }: Member): Cell {
  if (end === undefined) return { text: why, tone: 'error' }
  if (end === 'up') return { text: 'up again', tone: 'ok' }
  return end === 'off' ? 'stopped by somebody' : 'gone'
}

function lasting({ downAt, endAt }: Member, now: Date): string {
  return endAt === undefined ? `since ${clockTime(downAt, now)} UTC` : span(downAt, endAt, now)
}
