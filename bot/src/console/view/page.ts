/** The frame of every page. */
import { type Html, html, prose } from './html.ts'

export interface Page {
  readonly title: string
  readonly lab: string
  /** Changes with the files of the page, so that no browser mixes old and new. */
  readonly assets: string
  readonly main: Html
  /** Absent before a log-in. */
  readonly session?: { readonly csrf: string; readonly canLeave: boolean }
  readonly here?: '/' | '/runs' | '/help'
  /** Where the page's live events come from. */
  readonly live?: string
}

const sheets = ['base', 'marks', 'command', 'cards', 'glance', 'pages']

export function pageView({ title, lab, assets, main, session, here, live }: Page): Html {
  const link = (path: Page['here'], label: string) =>
    html`<a href="${path}" ${path === here ? html`aria-current="page"` : ''}>${label}</a>`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#f5f6f4" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#141716" media="(prefers-color-scheme: dark)">
${session === undefined ? '' : html`<meta name="csrf" content="${session.csrf}">`}
<title>${title} · ${lab}</title>
<link rel="icon" href="/console/assets/icon.svg" type="image/svg+xml">
${sheets.map((name) => html`<link rel="stylesheet" href="/console/assets/${name}.css?${assets}">`)}
<script type="module" src="/console/assets/app.js?${assets}"></script>
</head>
<body ${live === undefined ? '' : html`data-live="${live}"`}>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
  <a class="brand" href="/"><img src="/console/assets/icon.svg" width="22" height="22" alt=""><span>${lab}</span></a>
  ${
    session === undefined
      ? ''
      : html`<nav aria-label="Pages">${link('/', 'Desk')}${link('/runs', 'Runs')}${link('/help', 'Help')}</nav>
  <p class="link-state" id="link-state" role="status" hidden></p>
  ${
    session.canLeave
      ? html`<form method="post" action="/logout" class="leave"><input type="hidden" name="csrf" value="${session.csrf}"><button class="quiet">Log out</button></form>`
      : ''
  }`
  }
</header>
<main id="main" tabindex="-1">${main}</main>
<p class="sr" id="announce" role="status" aria-live="polite"></p>
</body>
</html>`
}

/** A page that says one thing. */
export const messageView = (heading: string, text: string, hint?: string): Html =>
  html`<div class="narrow"><h1>${heading}</h1><p>${prose(text)}</p>${hint === undefined ? '' : html`<p class="dim">${prose(hint)}</p>`}<p><a class="button" href="/">Back to the desk</a></p></div>`

export const loginView = (options: { next: string; problem?: string }): Html =>
  html`<div class="narrow"><h1>Log in</h1>
  <p>This console is open to more than its own machine, so it asks for its token.</p>
  ${options.problem === undefined ? '' : html`<p class="notice" role="alert">${options.problem}</p>`}
  <form method="post" action="/login" class="login">
    <input type="hidden" name="next" value="${options.next}">
    <label for="token">Console token</label>
    <input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
    <button class="button button-primary">Log in</button>
  </form></div>`
