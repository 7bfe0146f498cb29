import type { Cell, Section } from '@homelab/core'
import { type Html, html, prose } from './html.ts'
import { toned } from './tone.ts'

export function sectionView(section: Section): Html {
  const title = section.title === undefined ? '' : html`<h4>${section.title}</h4>`
  return html`<section class="section section-${section.kind}">${title}${bodyOf(section)}</section>`
}

function bodyOf(section: Section): Html {
  switch (section.kind) {
    case 'text':
      return html`<p>${prose(section.text)}</p>`
    case 'list':
      return html`<ul>${section.items.map((item) => html`<li>${prose(item)}</li>`)}</ul>`
    case 'fields':
      return html`<dl>${section.fields.map(
        ({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`,
      )}</dl>`
    case 'table':
      return tableView(section)
    case 'code':
      // Reversed, a box shows its end at first, with no script.
      return html`<div class="code${section.keep === 'end' ? ' code-end' : ''}" tabindex="0" role="region" aria-label="${section.title ?? 'Output'}"><pre>${section.text}</pre></div>`
  }
}

function tableView({ columns, rows, title }: Extract<Section, { kind: 'table' }>): Html {
  const side = (index: number) => (columns[index]?.align === 'right' ? 'num' : '')
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${title ?? columns.map(({ name }) => name).join(', ')}"><table>
    <thead><tr>${columns.map(({ name }, index) => html`<th scope="col" class="${side(index)}">${name}</th>`)}</tr></thead>
    <tbody>${rows.map(
      (row) =>
        html`<tr>${row.map((cell, index) => html`<td class="${side(index)}">${cellView(cell)}</td>`)}</tr>`,
    )}</tbody>
  </table></div>`
}

const cellView = (cell: Cell): Html =>
  typeof cell === 'string' ? html`${cell}` : toned(cell.text, cell.tone)
