/** `npm run docs`: writes docs/operations.md from the operations themselves. A test fails when it is not current. */
import { writeFileSync } from 'node:fs'
import { type Field, fieldsOf, forWhom, type Operation, optionName, surfaces, usage } from '@homelab/core'
import { operations } from '@homelab/core/operations'

const cell = (text: string): string => text.replaceAll('|', '\\|')

function option(field: Field): string {
  const limits = [
    field.choices?.join(', '),
    field.min === undefined || field.kind === 'list' ? undefined : `from ${field.min}`,
    field.max === undefined || field.kind === 'list' ? undefined : `to ${field.max}`,
  ].filter((part) => part !== undefined)
  const shown = limits.length === 0 ? '' : ` (${limits.join(' ')})`
  const standard = field.required
    ? 'required'
    : field.default === undefined
      ? ''
      : `\`${String(field.default)}\``
  return `| \`${optionName(field.name)}\` | ${field.kind} | ${cell(field.description + shown)} | ${standard} |`
}

function section(operation: Operation): string {
  const fields = fieldsOf(operation)
  const lines = [
    `## \`${operation.chat}\``,
    '',
    `${operation.title}. ${operation.description}`,
    '',
    `\`${usage(operation)}\``,
    '',
    `Id \`${operation.id}\` · ${operation.risk} · for ${forWhom(operation)} · on ${(operation.surfaces ?? surfaces).join(', ')} · needs ${operation.needs.join(', ')}${(operation.wants ?? []).length === 0 ? '' : ` · uses where it is there ${operation.wants?.join(', ')}`}`,
    '',
  ]
  if (fields.length > 0)
    lines.push('| option | kind | meaning | default |', '|---|---|---|---|', ...fields.map(option), '')
  if (operation.examples !== undefined)
    lines.push(`Examples: ${operation.examples.map((each: string) => `\`${each}\``).join(', ')}`, '')
  return lines.join('\n')
}

export function operationsPage(): string {
  return [
    '# Operations',
    '',
    '<!-- Made by `npm run docs` from core/src/operations. Do not edit. -->',
    '',
    'What one can type after `/homelab` in a chat, in the box of the console, or after `npx homelab` in a terminal.',
    'Every command also takes `--help`, and every change `--dry-run`. `name:value` and `--name value` are the same.',
    'In a terminal `--json` gives the answer to a program, and `--save <folder>` keeps the files that are attached to it.',
    'An operation is offered where everything it needs is there; `runs` exist only in a running bot.',
    '',
    ...operations.map(section),
  ].join('\n')
}

if (import.meta.main) {
  const file = new URL('../docs/operations.md', import.meta.url)
  writeFileSync(file, operationsPage())
  console.log('docs/operations.md is written')
}
