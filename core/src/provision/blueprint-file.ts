/** One blueprint's file: text to a checked blueprint, with what is wrong and where. */
import { HomelabError } from '../errors.ts'
import { toProblems } from '../inventory/problems.ts'
import { readYaml } from '../inventory/yaml.ts'
import { Blueprint } from './blueprint.ts'

/** @throws HomelabError `config`: `blueprints/plex.yaml:3:1 memory: must be a number` */
export function parseBlueprint(text: string, file: string): Blueprint {
  const source = readYaml(text)
  const parsed = source.readable ? Blueprint.safeParse(source.value ?? {}) : undefined
  const wrong = [
    ...source.problems,
    ...(parsed === undefined || parsed.success ? [] : toProblems(parsed.error.issues, source, Blueprint)),
  ]
  if (parsed?.success === true && wrong.length === 0) {
    assertWhole(parsed.data, file)
    return parsed.data
  }
  const lines = wrong
    .slice(0, 10)
    .map(
      ({ line, column, path, message }) =>
        `${file}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}`,
    )
  throw new HomelabError('config', lines.join('\n'), {
    hint: 'docs/blueprints.md explains every key.',
    data: { file, problems: wrong.slice(0, 50).map((each) => ({ ...each })) },
  })
}

/** What no single key shows. */
function assertWhole(blueprint: Blueprint, file: string): void {
  const wrong = mistakes(blueprint)
  if (wrong.length === 0) return
  throw new HomelabError('config', wrong.map((each) => `${file} ${each}`).join('\n'), {
    hint: 'docs/blueprints.md explains every key.',
    data: { file },
  })
}

function mistakes(blueprint: Blueprint): readonly string[] {
  const { create, mounts, gpu, database, install, private: hidden, expose, alerts, monitoring } = blueprint
  const targets = mounts.map(({ target }) => target)
  const used = JSON.stringify(install).match(/\{database\.[a-z]+\}/g) ?? []
  const unknown = used.filter((each) => !placeholders.includes(each))
  return [
    ...(new Set(targets).size < targets.length ? ['mounts: two have the same target.'] : []),
    ...(create.by === 'vm' && (mounts.length > 0 || gpu !== undefined)
      ? ['mounts and gpu are for containers: a VM has no folders of its node.']
      : []),
    ...(create.by === 'vm' && install.length > 0
      ? ['install: commands run in containers only. Let the VM template bring what it needs.']
      : []),
    ...(create.by === 'vm' && database !== undefined
      ? ['database: its password is put into files of containers only, and nobody would have it.']
      : []),
    ...(used.length > 0 && database === undefined
      ? [`install: ${used[0]} is used, and there is no database.`]
      : []),
    ...(install.some((step) => 'run' in step && JSON.stringify(step).includes('{database.'))
      ? ['install: {database.…} is for files only: what a command is called with, others can see.']
      : []),
    ...unknown.map((each) => `install: ${each} is not known. There are ${placeholders.join(', ')}.`),
    ...(hidden && expose !== undefined ? ['expose: it is private.'] : []),
    ...(alerts.length > 0 && monitoring === undefined
      ? ['alerts: rules need `monitoring`, which says where its metrics are.']
      : []),
  ]
}

const placeholders = ['url', 'host', 'port', 'name', 'role', 'password'].map((each) => `{database.${each}}`)
