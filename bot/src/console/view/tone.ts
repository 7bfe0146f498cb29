/** A tone is always a shape and a word too: colour alone says nothing to many people. */
import type { Tone } from '@homelab/core'
import { type Html, html } from './html.ts'

const shapes: Record<Tone, Html> = {
  neutral: html`<circle cx="8" cy="8" r="5.25" class="line" /><path d="M8 7.5v3M8 5.2v.2" class="line" />`,
  busy: html`<path d="M8 2.5a5.5 5.5 0 1 1-5.3 4" class="line" />`,
  ok: html`<circle cx="8" cy="8" r="7" class="fill" /><path d="m5 8.2 2.1 2.1L11 6.2" class="cut" />`,
  warning: html`<path d="M8 1.6 15 14H1z" class="fill" /><path d="M8 6v3.6M8 11.6v.3" class="cut" />`,
  error: html`<path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" class="fill" /><path d="m5.7 5.7 4.6 4.6m0-4.6-4.6 4.6" class="cut" />`,
}

export const icon = (tone: Tone): Html =>
  html`<svg class="icon icon-${tone}" viewBox="0 0 16 16" aria-hidden="true" focusable="false">${shapes[tone]}</svg>`

export const toneWords: Record<Tone, string> = {
  neutral: '',
  busy: 'Working',
  ok: 'Good',
  warning: 'Warning',
  error: 'Problem',
}

/** A value in its tone, in running text or a table. */
export function toned(text: string, tone: Tone): Html {
  if (tone === 'neutral') return html`${text}`
  return html`<span class="toned tone-${tone}">${icon(tone)}<span class="sr">${toneWords[tone]}: </span>${text}</span>`
}
