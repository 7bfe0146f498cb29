import { z } from 'zod'
import type { Cell, Tone } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { downText, RouteRow, routeRows } from './row.ts'

export const routeList = defineOperation({
  id: 'route.list',
  chat: 'route list',
  title: 'List the routes of Traefik',
  description:
    'Each router with its host names, where it leads, and whether Traefik uses it; entry points and middlewares; files that freeze its reload.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({ all: z.boolean().default(false).describe("Also Traefik's own, such as its dashboard") }),
  output: z.object({
    routes: z.array(RouteRow),
    /** Files because of which Traefik takes no change, and why. */
    frozen: z.array(z.object({ path: z.string(), problem: z.string() })),
    entryPoints: z.array(z.object({ name: z.string(), address: z.string() })),
    middlewares: z.array(
      z.object({
        name: z.string(),
        provider: z.string(),
        type: z.string(),
        status: z.enum(['enabled', 'disabled', 'warning']),
        errors: z.array(z.string()),
      }),
    ),
    version: z.string(),
  }),
  examples: ['route list', 'route list all:true'],
  needs: ['network'],
  run: async (_input, { network: { traefik } }, { signal }) => {
    const [routes, files, entryPoints, middlewares, version] = await Promise.all([
      routeRows(traefik, signal),
      traefik.files(signal),
      traefik.entryPoints(signal),
      traefik.middlewares(signal),
      traefik.version(signal),
    ])
    return {
      routes,
      frozen: files
        .filter(({ freezes }) => freezes === true)
        .map(({ path, problem = 'is wrong' }) => ({ path, problem })),
      entryPoints: entryPoints.map(({ name, address }) => ({ name, address })),
      middlewares: middlewares.map((each) => ({ ...each, errors: [...each.errors] })),
      version,
    }
  },
  failed: ({ frozen, routes }) => frozen.length > 0 || routes.some(({ status }) => status === 'disabled'),
  card: ({ routes, frozen, entryPoints, middlewares, version }, { all }) => {
    const own = middlewares.filter(({ provider }) => all || provider !== 'internal')
    const shown = routes.filter(({ provider }) => all || provider !== 'internal')
    return {
      title: `${shown.length} ${shown.length === 1 ? 'route' : 'routes'} in Traefik`,
      tone:
        frozen.length > 0
          ? 'error'
          : shown.some((row) => row.status !== 'enabled' || downText(row) !== undefined)
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
            stateCell(row),
          ]),
        },
        {
          kind: 'fields',
          fields: [
            {
              name: 'Entry points',
              value: entryPoints.map(({ name, address }) => `${name} ${address}`).join(', ') || 'none',
            },
            ...(own.length === 0
              ? []
              : [
                  {
                    name: 'Middlewares',
                    value: own
                      .map(({ name, status }) => (status === 'enabled' ? name : `${name} (${status})`))
                      .join(', '),
                  },
                ]),
          ],
        },
      ],
      footer: `Traefik ${version}`,
    }
  },
})

function stateCell(row: RouteRow): Cell {
  const down = downText(row)
  if (row.status === 'enabled' && down !== undefined) return { text: down, tone: 'error' }
  return {
    text: down === undefined ? row.status : `${row.status}, ${down}`,
    tone: tones[row.status],
  }
}

const tones: Record<RouteRow['status'], Tone> = { enabled: 'ok', warning: 'warning', disabled: 'error' }
