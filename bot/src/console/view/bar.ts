import { type CardProgress, percent, type Tone } from '@homelab/core'
import { progressView as viewOf } from '../../chat/progress.ts'
import { type Html, html } from './html.ts'
import { icon } from './tone.ts'

// A width in an SVG attribute needs no style attribute, which the page's policy forbids.
const track = (share: number | undefined, tone: Tone): Html =>
  html`<svg class="track tone-${tone}${share === undefined ? ' moving' : ''}" aria-hidden="true" focusable="false">
    <rect class="rail" width="100%" height="100%" rx="3" />
    <rect class="value" width="${share === undefined ? '30%' : `${(clamp(share) * 100).toFixed(1)}%`}" height="100%" rx="3" />
  </svg>`

const clamp = (share: number): number => (Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0)

/** How far something is, as `6 of 16`, `40 %` or `1.2 GiB of 4.0 GiB`, and how long it takes. */
export function progressView(progress: CardProgress, now = new Date()): Html {
  const { text } = progress
  const { share, detail } = viewOf(progress, now)
  const values =
    share === undefined
      ? ''
      : html`aria-valuemin="0" aria-valuemax="100" aria-valuenow="${Math.round(share * 100)}"`
  return html`<div class="progress">
    <div class="progress-text"><span>${text}</span><span class="num">${detail}</span></div>
    <div role="progressbar" aria-label="${text}" ${values} aria-valuetext="${detail === '' ? text : detail}">${track(share, 'busy')}</div>
  </div>`
}

export interface Fill {
  /** 0 to 1; undefined when it could not be measured. */
  readonly share: number | undefined
  /** Percent from which it is worth a look, and from which it is a problem. */
  readonly warn: number
  readonly crit: number
  readonly detail: string
  /** What is wrong though it may not be full: `degraded RAID`. */
  readonly problem?: { readonly tone: Tone; readonly text: string }
}

/** How full something is, in a bar, a number and, when it matters, words. */
export function meter(name: string, { share, warn, crit, detail, problem }: Fill): Html {
  const full = share === undefined ? 0 : share * 100
  const level: Tone = full >= crit ? 'error' : full >= warn ? 'warning' : 'neutral'
  const tone = problem?.tone ?? level
  const word = problem?.text ?? { error: 'nearly full', warning: 'filling up', neutral: '' }[level]
  const amount = share === undefined ? 'not measured' : percent(share)
  const value = share === undefined ? '' : html`aria-valuenow="${Math.round(clamp(share) * 100)}"`
  return html`<div class="meter">
    <span class="meter-name">${name}</span>
    <div role="meter" aria-label="${name}" aria-valuemin="0" aria-valuemax="100" ${value} aria-valuetext="${amount} ${detail} ${word}">${track(share ?? 0, tone)}</div>
    <span class="num">${amount} <span class="dim">${detail}</span></span>
    ${word === '' ? '' : html`<p class="meter-word tone-${tone}">${icon(tone)}${word}</p>`}
  </div>`
}
