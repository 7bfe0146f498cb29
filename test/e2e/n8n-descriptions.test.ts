/** What the fast suite believes of n8n's own nodes, held against n8n itself. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Property, strangeParameters, type Workflow, workflowTexts } from '../support/workflows.ts'
import { installN8n } from './support/n8n-real/install.ts'

interface Description {
  readonly name: string
  readonly version: number | readonly number[]
  readonly properties: readonly Property[]
}

const believed: Record<string, { version: number; parameters: string[] }> = JSON.parse(
  readFileSync(new URL('../support/n8n-nodes.json', import.meta.url), 'utf8'),
)
const all = [...workflowTexts()].map(([file, text]) => ({ file, workflow: JSON.parse(text) as Workflow }))

describe("n8n's own nodes", () => {
  /** `type@version`. */
  const real = new Map<string, readonly Property[]>()
  beforeAll(() => {
    const { modules } = installN8n()
    for (const name of ['n8n-nodes-base', '@n8n/n8n-nodes-langchain']) {
      const file = join(modules, name, 'dist', 'types', 'nodes.json')
      const nodes: readonly Description[] = JSON.parse(readFileSync(file, 'utf8'))
      for (const node of nodes)
        for (const version of [node.version].flat())
          real.set(`${name}.${node.name}@${version}`, node.properties)
    }
  })

  it('are as test/support/n8n-nodes.json says', () => {
    const names = Object.entries(believed).map(([type, { version }]) => {
      const properties = real.get(`${type}@${version}`) ?? []
      return [type, { version, parameters: [...new Set(properties.map(({ name }) => name))].toSorted() }]
    })
    expect(believed).toEqual(Object.fromEntries(names))
  })

  it.each(all)('have all that $file sets', ({ workflow }) => {
    const strange = workflow.nodes
      .filter(({ type }) => !type.startsWith('n8n-nodes-homelab.'))
      .flatMap((node) => {
        const properties = real.get(`${node.type}@${node.typeVersion}`)
        if (properties === undefined) return [`${node.type} ${node.typeVersion} is not there`]
        return strangeParameters(properties, node).map((problem) => `${node.name}: ${problem}`)
      })
    expect(strange).toEqual([])
  })
})
