import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { installIsolated } from './support/n8n/isolated.ts'

const gate = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'n8n-nodes', 'gate')

it("the n8n package passes n8n's own scanner and lint", () => {
  installIsolated(gate)
  const { status, stdout, stderr } = spawnSync(process.execPath, ['gate.mjs'], {
    cwd: gate,
    encoding: 'utf8',
  })
  console.log(stdout)
  expect({ status, stderr: status === 0 ? '' : `${stderr}\n${stdout}` }).toEqual({ status: 0, stderr: '' })
  expect(stdout.match(/: passed/g)).toHaveLength(5)
})
