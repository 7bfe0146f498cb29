/** Colours of a chart. A picture of ours carries both themes for browsers; what draws it elsewhere picks one. */

export type Theme = 'light' | 'dark'

interface Colours {
  readonly ground: string
  readonly text: string
  readonly muted: string
  readonly grid: string
  readonly window: string
  readonly warn: string
  readonly crit: string
  readonly series: readonly string[]
}

// Each series has 3:1 against its ground, and they differ in lightness too, for who cannot tell the hues.
const themes: Readonly<Record<Theme, Colours>> = {
  light: {
    ground: '#ffffff',
    text: '#1f2328',
    muted: '#57606a',
    grid: '#d8dee4',
    window: '#bf3989',
    warn: '#9a6700',
    crit: '#cf222e',
    series: ['#0969da', '#bc4c00', '#1a7f37', '#8250df', '#0f4c5c', '#a40e26'],
  },
  dark: {
    ground: '#1e1f22',
    text: '#f2f3f5',
    muted: '#b5bac1',
    grid: '#3f4147',
    window: '#f778ba',
    warn: '#f0b232',
    crit: '#ff6b6b',
    series: ['#58a6ff', '#ffa657', '#56d364', '#d2a8ff', '#76e3ea', '#ff9492'],
  },
}

export const seriesColours = themes.light.series.length

function rules({ ground, text, muted, grid, window, warn, crit, series }: Colours): string {
  return [
    `.ground{fill:${ground}}`,
    `.text{fill:${text}}`,
    `.muted{fill:${muted}}`,
    `.grid{stroke:${grid}}`,
    `.axis{stroke:${muted}}`,
    `.window{fill:${window};fill-opacity:.16}`,
    `.window-text{fill:${window}}`,
    `.window-warn{fill:${warn};fill-opacity:.16}.window-crit{fill:${crit};fill-opacity:.2}`,
    `.warn{stroke:${warn}}.warn-text{fill:${warn}}`,
    `.crit{stroke:${crit}}.crit-text{fill:${crit}}`,
    ...series.map((colour, index) => `.line${index}{stroke:${colour}}.fill${index}{fill:${colour}}`),
  ].join('')
}

const open = '<style id="theme">'
const close = '</style>'

/** The style of a picture that follows the reader's own theme, where that is known. */
export const bothThemes = (): string =>
  `${open}${rules(themes.light)}@media (prefers-color-scheme:dark){${rules(themes.dark)}}${close}`

/** For where there is no reader's theme to follow. A picture that is none of ours stays as it is. */
export function inTheme(svg: string, theme: Theme): string {
  const from = svg.indexOf(open)
  const to = svg.indexOf(close, from)
  if (from < 0 || to < 0) return svg
  return `${svg.slice(0, from)}${open}${rules(themes[theme])}${svg.slice(to)}`
}
