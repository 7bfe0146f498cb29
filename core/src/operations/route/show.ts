import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import { downText, RouteRow, routeRows } from './row.ts'

export const routeShow = defineOperation({
  id: 'route.show',
  chat: 'route show',
  title: 'Show a route of Traefik',
  description: 'Its rule, where it leads, and the file that it comes from.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({
    route: z.string().min(1).max(300).describe('Host name, service or name of the route'),
  }),
  output: RouteRow.extend({
    /** That it stands in. */
    path: z.string().optional(),
    text: z.string().optional(),
  }),
  positional: ['route'],
  examples: ['route show jellyfin.harmeetrai.com', 'route show homelab-jellyfin'],
  needs: ['network'],
  run: async ({ route }, { network: { traefik } }, { signal }) => {
    const [rows, files] = await Promise.all([routeRows(traefik, signal), traefik.files(signal)])
    const wanted = route.trim().toLowerCase()
    const names = (row: RouteRow) => [
      row.name,
      row.name.replace(/@.*/, ''),
      row.name.replace(/^homelab-|@.*/g, ''),
    ]
    const found =
      rows.find((row) => row.hostnames.includes(wanted)) ??
      rows.find((row) => names(row).some((name) => name.toLowerCase() === wanted))
    if (found === undefined) {
      const all = rows.flatMap((row) => [...row.hostnames, row.name])
      throw new HomelabError(
        'not-found',
        `Traefik has no route "${route.slice(0, 60)}".${didYouMean(wanted, all)}`,
        {
          hint: '`route list` shows them all.',
        },
      )
    }
    const file = files.find(({ routers }) =>
      routers.some((name) => `${name}@file` === found.name || `${name}@http` === found.name),
    )
    return { ...found, ...(file === undefined ? {} : { path: file.path, text: file.text }) }
  },
  card: ({ name, rule, status, errors, health, service, entryPoints, middlewares, path, text, ours }) => ({
    title: `${name}: ${status}`,
    tone:
      status === 'enabled'
        ? downText({ health }) === undefined
          ? 'ok'
          : 'error'
        : status === 'warning'
          ? 'warning'
          : 'error',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Rule', value: rule },
          {
            name: 'To',
            value:
              health
                .map(({ url, status: said }) => (said === undefined ? url : `${url} (Traefik says ${said})`))
                .join(', ') || service,
          },
          { name: 'Entry points', value: entryPoints.join(', ') || 'the usual ones' },
          ...(middlewares.length === 0 ? [] : [{ name: 'Middlewares', value: middlewares.join(', ') }]),
          ...(path === undefined ? [] : [{ name: 'File', value: `${path}${ours ? '' : ' (not ours)'}` }]),
        ],
      },
      ...(errors.length === 0 ? [] : [{ kind: 'list' as const, title: 'Traefik says', items: errors }]),
      ...(text === undefined ? [] : [{ kind: 'code' as const, title: 'File', text, keep: 'start' as const }]),
    ],
  }),
})
