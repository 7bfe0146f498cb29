import { Arguments } from './process/options.ts'

export interface Options {
  /** Port of the first Proxmox endpoint; 0 lets the system choose. */
  readonly port: number
  /** Endpoints to serve: the first N nodes, each on its own port, so that fail-over can be tried. */
  readonly endpoints: number
  /** Fixes everything random: names, usage, keys, the token's secret. */
  readonly seed: number | undefined
  /** More than 0: a generated cluster instead of the lab of homelab.md. */
  readonly guests: number
  readonly nodes: number
  /** Factor on every duration of the server: 1 is as on a real one, 0.1 takes a tenth of the time. */
  readonly speed: number
  /** `8.4` or `9.0`: what /version says, and the few answers that differ. */
  readonly pve: string
  /** Folder of the files, the repository and the database that backups are made of for real; undefined: none are. */
  readonly real: string | undefined
  /** End when stdin closes: a dead test run leaves nothing behind. */
  readonly withParent: boolean
}

export const usage = `Usage: node simulator/src/main.ts [options]
  --port N         port of the Proxmox API (default: any free one)
  --endpoints N    serve the API of the first N nodes, each on its own port (default 1)
  --seed N         the same names, usage, keys and secrets at every start
  --guests N       a generated cluster of N guests instead of the home lab
  --nodes N        nodes of the generated cluster (default 1)
  --speed F        factor on every duration: 0.1 is ten times faster than a real server (default 1)
  --pve VERSION    8.4 or 9.0 (default 8.4)
  --real DIR       run backups for real, with restic and PostgreSQL, below this folder
  --with-parent    end when stdin closes`

/** @throws Error with a sentence for the person who typed the command */
export function parseOptions(args: readonly string[]): Options {
  const given = new Arguments(args, ['port', 'endpoints', 'seed', 'guests', 'nodes', 'speed', 'pve', 'real'])
  const nodes = given.wholeNumber('nodes', 1, 1)
  const endpoints = given.wholeNumber('endpoints', 1, 1)
  if (endpoints > nodes)
    throw new Error(`--endpoints ${endpoints} needs as many nodes: add --nodes ${endpoints}`)
  return {
    port: given.wholeNumber('port', 0),
    endpoints,
    seed: given.wholeNumber('seed', undefined),
    guests: given.wholeNumber('guests', 0),
    nodes,
    speed: given.factor('speed'),
    pve: given.text('pve') ?? '8.4',
    real: given.text('real'),
    withParent: given.withParent,
  }
}
