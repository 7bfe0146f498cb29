import { z } from 'zod'
import type { Cell, Tone } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { RouteRow, routeRows } from './row.ts'

export const routeList = defineOperation({
  id: 'route.list',
  chat: 'route list',
  title: 'List the routes of Traefik',
  description:
    'Each router with its host names, where it leads, and whether Traefik uses it; files that freeze its reload.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({ all: z.boolean().default(false).describe("Also Traefik's own, such as its dashboard") }),
  output: z.object({
    routes: z.array(RouteRow),
    /** Files because of which Traefik takes no change, and why. */
    frozen: z.array(z.object({ path: z.string(), problem: z.string() })),
    version: z.string(),
  }),
  examples: ['route list', 'route list all:true'],
  needs: ['network'],
  run: async (_input, { network: { traefik } }, { signal }) => {
    const [routes, files, version] = await Promise.all([
      routeRows(traefik, signal),
      traefik.files(signal),
      traefik.version(signal),
    ])
    return {
      routes,
      frozen: files
        .filter(({ freezes }) => freezes === true)
        .map(({ path, problem = 'is wrong' }) => ({ path, problem })),
      version,
    }
  },
  failed: ({ frozen, routes }) => frozen.length > 0 || routes.some(({ status }) => status === 'disabled'),
  card: ({ routes, frozen, version }, { all }) => {
    const shown = routes.filter(({ provider }) => all || provider !== 'internal')
    return {
      title: `${shown.length} ${shown.length === 1 ? 'route' : 'routes'} in Traefik`,
      tone:
        frozen.length > 0
          ? 'error'
          : shown.some(({ status }) => status !== 'enabled')
            ? 'warning'
            : 'neutral',
      sections: [
        ...(frozen.length === 0
          ? []
          : [
              {
                kind: 'list' as const,
                title: 'Traefik takes no change of any route',
                items: frozen.map(({ path, problem }) => `${path}: ${problem}`),
              },
            ]),
        {
          kind: 'table',
          columns: [{ name: 'Host name' }, { name: 'To' }, { name: 'State' }],
          rows: shown.map((row): Cell[] => [
            row.hostnames.join(', ') || row.rule,
            row.servers.join(', ') || row.service,
            { text: row.status, tone: tones[row.status] },
          ]),
        },
      ],
      footer: `Traefik ${version}`,
    }
  },
})

const tones: Record<RouteRow['status'], Tone> = { enabled: 'ok', warning: 'warning', disabled: 'error' }
