import { z } from 'zod'
import { joinWords } from '../../nearest.ts'
import type { Tone } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Proxmox } from '../../proxmox/types.ts'

const NodeRow = z.object({
  node: z.string(),
  online: z.boolean(),
  ip: z.string().optional(),
  votes: z.int().optional(),
  /** Addresses of its corosync links. */
  links: z.array(z.string()),
  /** `8.4.5`; absent of a node that does not answer. */
  version: z.string().optional(),
  /** Guests on it, and those that run. */
  guests: z.int(),
  running: z.int(),
})

const Output = z.object({
  /** Absent of a node that stands alone. */
  name: z.string().optional(),
  quorate: z.boolean(),
  /** Votes that are there, all that there are, and how many it takes; absent where nobody may see them. */
  votes: z.int().optional(),
  expected: z.int().optional(),
  needed: z.int().optional(),
  /** An arbiter outside of the cluster; absent where nobody could tell. */
  qdevice: z.boolean().optional(),
  nodes: z.array(NodeRow),
  /** What should be seen to. */
  problems: z.array(z.string()),
})
type Output = z.infer<typeof Output>

export const clusterStatus = defineOperation({
  id: 'cluster.status',
  chat: 'cluster status',
  title: 'Show the cluster',
  description: 'Whether it has a quorum, which nodes are there, their votes, links and versions.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({}),
  output: Output,
  needs: ['lab', 'proxmox'],
  run: async (_input, { lab, proxmox }, { signal }) => {
    const [cluster, { guests }] = await Promise.all([
      proxmox.cluster.status(signal),
      lab.overview({ signal }),
    ])
    const versions = await versionsOf(
      cluster.nodes.filter(({ online }) => online).map(({ node }) => node),
      proxmox,
      signal,
    )
    const nodes = cluster.nodes.map((each) => {
      const own = guests.filter(({ node, template }) => node === each.node && !template)
      const version = versions.get(each.node)
      return {
        ...each,
        links: [...each.links],
        ...(version === undefined ? {} : { version }),
        guests: own.length,
        running: own.filter(({ status }) => status === 'running').length,
      }
    })
    const { name, quorate, qdevice } = cluster
    return {
      ...(name === undefined ? {} : { name }),
      quorate,
      ...(name === undefined ? {} : votesOf(nodes, qdevice)),
      ...(qdevice === undefined ? {} : { qdevice }),
      nodes,
      problems: [...problemsOf(name, quorate, qdevice, nodes)],
    }
  },
  failed: ({ quorate, nodes }) => !quorate || nodes.some(({ online }) => !online),
  card: ({ name, quorate, votes, expected, needed, qdevice, nodes, problems }) => ({
    title: titleOf(name, quorate, nodes),
    tone: toneOf(quorate, nodes, problems),
    sections: [
      ...(expected === undefined
        ? []
        : [
            {
              kind: 'fields' as const,
              fields: [
                { name: 'Votes', value: `${votes} of ${expected}, ${needed} needed` },
                ...(qdevice === true ? [{ name: 'QDevice', value: 'yes' }] : []),
              ],
            },
          ]),
      {
        kind: 'table',
        columns: [
          { name: 'Node' },
          { name: 'State' },
          { name: 'Address' },
          { name: 'Version' },
          { name: 'Guests', align: 'right' },
        ],
        rows: nodes.map(({ node, online, ip, links, version, guests, running }) => [
          node,
          { text: online ? 'online' : 'offline', tone: online ? 'ok' : 'error' },
          links.length > 1 ? links.join(', ') : (ip ?? links[0] ?? '–'),
          version ?? '–',
          `${running} of ${guests}`,
        ]),
      },
      ...(problems.length === 0 ? [] : [{ kind: 'list' as const, title: 'To see to', items: problems }]),
    ],
  }),
})

function titleOf(name: string | undefined, quorate: boolean, nodes: Output['nodes']): string {
  if (name === undefined) return `${nodes[0]?.node ?? 'The node'} is in no cluster`
  const off = nodes.filter(({ online }) => !online).map(({ node }) => node)
  if (!quorate) return `${name} has no quorum`
  return off.length === 0
    ? `${name}: all ${nodes.length} nodes are there`
    : `${name}: ${joinWords(off)} ${off.length === 1 ? 'is' : 'are'} offline`
}

const toneOf = (quorate: boolean, nodes: Output['nodes'], problems: readonly string[]): Tone =>
  !quorate || nodes.some(({ online }) => !online) ? 'error' : problems.length > 0 ? 'warning' : 'ok'

/** `pve-manager/8.4.5/57892e8e686cb35b` → `8.4.5`; a node that does not answer has none. */
async function versionsOf(
  nodes: readonly string[],
  proxmox: Pick<Proxmox, 'nodeStatus'>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const found = await Promise.all(
    nodes.map(async (node) => {
      try {
        const { version } = await proxmox.nodeStatus(node, signal)
        return [node, version.split('/')[1] ?? version] as const
      } catch {
        signal.throwIfAborted()
        return undefined
      }
    }),
  )
  return new Map(found.filter((each) => each !== undefined))
}

function votesOf(
  nodes: Output['nodes'],
  qdevice: boolean | undefined,
): Pick<Output, 'votes' | 'expected' | 'needed'> {
  if (nodes.some(({ votes }) => votes === undefined)) return {}
  const sum = (of: Output['nodes']) => of.reduce((total, { votes = 0 }) => total + votes, 0)
  // The vote of an arbiter counts while it is there, which the API of a node does not tell: it is left out of both.
  if (qdevice === true) return {}
  const expected = sum(nodes)
  return {
    votes: sum(nodes.filter(({ online }) => online)),
    expected,
    needed: Math.floor(expected / 2) + 1,
  }
}

function* problemsOf(
  name: string | undefined,
  quorate: boolean,
  qdevice: boolean | undefined,
  nodes: Output['nodes'],
): Generator<string> {
  if (name === undefined) return
  if (!quorate)
    yield 'Without a quorum Proxmox starts, changes and moves nothing: docs/runbooks/node-is-down.md.'
  for (const { node, online, guests } of nodes)
    if (!online) yield `${node} is offline${guests === 0 ? '' : `, with ${guests} guests on it`}.`
  const versions = [...new Set(nodes.flatMap(({ version }) => version ?? []))]
  if (versions.length > 1)
    yield `The nodes have different versions (${joinWords(versions)}): a guest goes safely only to a newer one.`
  if (nodes.length === 2 && qdevice === false)
    yield 'Two nodes without a QDevice: when one is off, the other has no quorum and changes nothing.'
}
