import { describe, expect, it } from 'vitest'
import { parseBlueprint } from './blueprint-file.ts'

const head = 'title: X\nstack: apps\ncreate: { by: template }\n'
const wrong = (more: string): string => {
  try {
    parseBlueprint(`${head}${more}`, 'x.yaml')
  } catch (error) {
    return String((error as Error).message)
  }
  throw new Error('it was taken')
}

describe('a blueprint', () => {
  it('has what is not said', () => {
    expect(parseBlueprint(head, 'x.yaml')).toMatchObject({
      create: { by: 'template', template: 'debian-12-standard' },
      cores: 1,
      memory: 512,
      disk: 8,
      unprivileged: true,
      mounts: [],
      backup: true,
    })
  })

  it.each([
    [
      'mounts: [{ source: /a/../etc, target: /x }]',
      'x.yaml:4:20 mounts[0].source: must be an absolute path without',
    ],
    [
      'mounts: [{ source: "/a,size=1", target: /x }]',
      'mounts[0].source: must be an absolute path without commas',
    ],
    [
      'mounts: [{ source: /a, target: /x }, { source: /b, target: /x }]',
      'x.yaml mounts: two have the same target.',
    ],
    ['database: { name: Über, role: x }', 'database.name: must be a name of PostgreSQL'],
    [
      'install: [{ file: /a, text: "{database.url}" }]',
      'x.yaml install: {database.url} is used, and there is no database.',
    ],
    [
      'database: { name: a, role: a }\ninstall: [{ file: /a, text: "{database.pass}" }]',
      'x.yaml install: {database.pass} is not known. There are {database.url}',
    ],
    ['gpu: intel', 'gpu: must be dri, nvidia, or a list'],
    ['private: true\nexpose: {}', 'x.yaml expose: it is private.'],
    ['install: [apt-get update]', 'install[0]: must be { run: [command, …] }'],
    ['alerts: [{ alert: A, expr: up, summary: s }]', 'x.yaml alerts: rules need `monitoring`'],
  ])('%s', (more, expected) => {
    expect(wrong(more)).toContain(expected)
  })

  it('by VM has nothing that somebody would have to do in it', () => {
    const said = () =>
      parseBlueprint(
        'title: X\nstack: apps\ncreate: { by: vm, template: base }\ngpu: dri\ndatabase: { name: a, role: a }\ninstall: [{ run: ["true"] }]',
        'x.yaml',
      )
    expect(said).toThrow(
      /mounts and gpu are for containers.*\n.*commands run in containers only.*\n.*its password is put/,
    )
  })
})
