/** A command over SSH on a kept connection, against one connection a command. */
import { createSsh } from '@homelab/core/node'
import { startSshd } from '../support/sshd.ts'
import { requireTool } from '../support/tools.ts'
import type { Bench } from './support/row.ts'
import { median } from './support/stats.ts'

const KEPT = 40
const FRESH = 10

export const ssh: Bench = {
  name: 'ssh',
  title: 'A command on a node over SSH (a stock sshd)',
  async run() {
    if (!requireTool('sshd', 'ssh-keygen')) return []
    await using sshd = await startSshd()
    const connect = () => createSsh({ hosts: { pve: sshd.host } })
    const run = async (on: ReturnType<typeof connect>): Promise<number> => {
      const began = performance.now()
      const { code } = await on.shell('pve').exec(['true'])
      if (code !== 0) throw new Error(`true ended with ${code}`)
      return performance.now() - began
    }
    const kept: number[] = []
    const fresh: number[] = []
    const connection = connect()
    await run(connection)
    for (let count = 0; count < KEPT; count += 1) kept.push(await run(connection))
    connection.close()
    for (let count = 0; count < FRESH; count += 1) {
      const one = connect()
      fresh.push(await run(one))
      one.close()
    }
    return [
      {
        what: 'a command on a kept connection, median',
        value: median(kept),
        unit: 'ms',
        alternative: { name: 'a connection for each command', value: median(fresh) },
      },
    ]
  },
}
