import { missed, type Row, ratioOf } from './row.ts'

const digits = (value: number): string =>
  Number.isInteger(value) || Math.abs(value) >= 100
    ? String(Math.round(value))
    : value.toPrecision(value < 1 ? 2 : 3)

function targetOf({ atMost, unit }: Row): string {
  if (atMost === undefined) return ''
  const parts = [
    atMost.value === undefined ? '' : `≤ ${digits(atMost.value)} ${unit}`,
    atMost.ratio === undefined ? '' : `≤ ${atMost.ratio} ×`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

/** A Markdown table, so that docs/performance.md can take it as it is printed. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map((row) => {
    const ratio = ratioOf(row)
    return [
      row.what,
      `${digits(row.value)} ${row.unit}`,
      targetOf(row),
      row.alternative === undefined
        ? (row.note ?? '')
        : `${row.alternative.name}: ${digits(row.alternative.value)} ${row.unit}${row.note === undefined ? '' : `; ${row.note}`}`,
      ratio === undefined ? '' : `${digits(ratio)} ×`,
      row.atMost === undefined ? '' : missed(row) ? 'MISSED' : 'yes',
    ]
  })
  const head = ['what', 'measured', 'target', 'alternative, same run', 'ratio', 'met']
  const widths = head.map((name, column) =>
    Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n')
}
