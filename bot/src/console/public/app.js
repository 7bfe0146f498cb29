import { commandBox } from './command.js'
import { live } from './live.js'
import { morph, morphChildren, nodesOf } from './morph.js'

const byId = (id) => document.getElementById(id)
const csrf = document.querySelector('meta[name=csrf]')
const form = byId('command')
let connected = false
const box = form === null ? undefined : commandBox(form)
// On a phone a focused box opens the keyboard over half of the page.
if (form !== null && matchMedia('(pointer: fine)').matches && location.hash === '') byId('line').focus()

// --- cards ---

/** @param {{id: string, version: string, state: string, said: string, html: string}} card */
function showCard({ id, version, state, said, html }) {
  const cards = byId('cards')
  if (cards === null) return undefined
  let old = byId(id)
  if (old?.dataset.version === version) return old
  const [fresh] = nodesOf(html)
  const news = old?.dataset.state !== state && state !== 'working'
  if (old === null) {
    const before = [...cards.children].find((card) => card.dataset.at <= fresh.dataset.at)
    cards.insertBefore(fresh, before ?? null)
    while (cards.children.length > 60) cards.lastElementChild.remove()
    byId('empty').hidden = true
    old = fresh
  } else {
    const within = old.contains(document.activeElement)
    old = morph(old, fresh)
    // A pressed button is gone now: a keyboard goes on from its card.
    if (within && !old.contains(document.activeElement)) old.focus({ preventScroll: true })
  }
  if (news) byId('announce').textContent = said
  return old
}

// --- forms: sent without leaving the page ---

function problem(text) {
  const place = byId('command-error')
  if (place === null) return
  place.hidden = text === ''
  place.textContent = text
}

async function send(sent) {
  const fields = new URLSearchParams(new FormData(sent))
  // Not `sent.action`: a field of that name stands before it.
  const response = await fetch(sent.getAttribute('action'), {
    method: 'POST',
    body: fields,
    headers: { accept: 'application/json', 'x-csrf': csrf.content },
  })
  const answer = await response.json()
  // Only now: without an answer the same key goes out again, and the command stays one.
  sent.querySelector('input[name=key]').value = newKey()
  if (!response.ok) throw new Error([answer.message, answer.hint].filter(Boolean).join(' '))
  return answer
}

document.addEventListener('submit', (event) => {
  if (!event.target.matches('form[data-send]')) return
  event.preventDefault()
  void submit(event.target)
})

async function submit(sent) {
  const line = sent === form ? byId('line').value.trim() : ''
  // A second press while the first is on its way is the same press.
  if (sent.dataset.busy !== undefined || (sent === form && line === '')) return
  sent.dataset.busy = ''
  problem('')
  try {
    const answer = await send(sent)
    // Events come in order and this answer beside them: once they show the card, it is old.
    const known = byId(answer.id)
    const card = known === null || !connected ? showCard(answer) : known
    if (sent === form) box.sent(line)
    else {
      bringIntoView(card)
      await new Promise((resolve) => setTimeout(resolve, 400))
    }
  } catch (error) {
    problem(
      error instanceof TypeError ? 'The bot does not answer. Try again when it is back.' : error.message,
    )
    byId('command-error')?.scrollIntoView({ block: 'nearest' })
  } finally {
    delete sent.dataset.busy
  }
}
if (form !== null) form.noValidate = true

// `randomUUID` is there on secure origins only, and a console may be plain HTTP in a home.
const newKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')

function bringIntoView(card) {
  const { top, bottom } = card.getBoundingClientRect()
  if (top < 60 || bottom > innerHeight) card.scrollIntoView({ block: 'start' })
}

document.addEventListener('click', (event) => {
  const link = event.target.closest('[data-type]')
  if (link === null || box === undefined || event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  box.type(link.dataset.type)
})

document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || box === undefined || event.target.closest('input, textarea')) return
  event.preventDefault()
  byId('line').focus()
})

// --- live ---

function linkState(state) {
  connected = state === 'live'
  const place = byId('link-state')
  if (place === null) return
  place.hidden = false
  place.className = `link-state ${state}`
  place.textContent = state === 'live' ? 'Live' : 'Reconnecting…'
}

function replaceIn(id, html) {
  const place = byId(id)
  if (place !== null) morphChildren(place, nodesOf(html))
}

if (document.body.dataset.live !== undefined) {
  live(
    document.body.dataset.live,
    {
      hello(data) {
        csrf.content = data.csrf
        for (const field of document.querySelectorAll('input[name=csrf]')) field.value = data.csrf
      },
      card: showCard,
      glance({ html, line }) {
        replaceIn('glance-body', html)
        replaceIn('glance-line', line)
      },
      part: ({ id, html }) => replaceIn(id, html),
    },
    linkState,
  )
}

// --- times ---

function relative(at) {
  const seconds = Math.round((Date.now() - Date.parse(at)) / 1000)
  if (seconds < 10) return 'just now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`
  return new Date(at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })
}

function tellTimes() {
  for (const time of document.querySelectorAll('time')) {
    const text = relative(time.dateTime)
    if (time.textContent !== text) time.textContent = text
    time.title = new Date(time.dateTime).toLocaleString()
  }
}
tellTimes()
setInterval(tellTimes, 10_000)
