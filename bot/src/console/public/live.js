/** The connection to the bot, and whether it stands. Closed while nobody looks, so that nothing is polled for nobody. */

const patience = 3_000

/**
 * @param {string} path
 * @param {Record<string, (data: any) => void>} handlers by event
 * @param {(state: 'live' | 'lost') => void} tell
 */
export function live(path, handlers, tell) {
  let source
  let wait = 500
  let timer
  let over = false

  const open = () => {
    if (over) return
    clearTimeout(timer)
    source?.close()
    source = new EventSource(path)
    source.onopen = () => {
      wait = 500
      tell('live')
    }
    source.onerror = () => {
      if (over) return
      tell('lost')
      // The browser gives up for good on some errors; this does not.
      source.close()
      timer = setTimeout(open, wait)
      wait = Math.min(wait * 2, patience)
    }
    for (const [event, handle] of Object.entries(handlers))
      source.addEventListener(event, (message) => handle(JSON.parse(message.data)))
    source.addEventListener('end', () => {
      over = true
      source.close()
    })
  }

  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer)
    if (document.hidden) timer = setTimeout(() => source?.close(), 10_000)
    else if (source?.readyState !== EventSource.OPEN) open()
  })
  window.addEventListener('pagehide', () => source?.close())
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) open()
  })
  open()
}
