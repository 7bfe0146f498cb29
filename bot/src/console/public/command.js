/** The command box: a combobox by the ARIA pattern, with completion and the history of a shell. */

/** @param {HTMLFormElement} form */
export function commandBox(form) {
  const input = form.querySelector('#line')
  const list = document.getElementById('choices')
  let choices = []
  let active = -1
  let asked = 0
  let request
  let history = []
  let past = -1

  fetch('/console/history', { headers: { accept: 'application/json' } })
    .then((response) => (response.ok ? response.json() : []))
    .then((lines) => {
      history = [...history, ...lines.filter((line) => !history.includes(line))]
    })
    .catch(() => {})

  const close = () => {
    asked++
    request?.abort()
    choices = []
    active = -1
    list.hidden = true
    list.replaceChildren()
    input.setAttribute('aria-expanded', 'false')
    input.removeAttribute('aria-activedescendant')
  }

  const mark = (index) => {
    active = index
    for (const [at, option] of [...list.children].entries())
      option.setAttribute('aria-selected', String(at === index))
    const chosen = list.children[index]
    if (chosen === undefined) return input.removeAttribute('aria-activedescendant')
    input.setAttribute('aria-activedescendant', chosen.id)
    chosen.scrollIntoView({ block: 'nearest' })
  }

  const show = (found) => {
    // What is typed already needs no offer.
    choices = found.filter(({ line }) => line.trim() !== input.value.trim())
    if (choices.length === 0) return close()
    list.replaceChildren(
      ...choices.map(({ value, label }, index) => {
        const option = document.createElement('li')
        option.id = `choice-${index}`
        option.role = 'option'
        const name = document.createElement('span')
        name.className = 'choice-value'
        name.textContent = value
        const about = document.createElement('span')
        about.className = 'choice-label'
        about.textContent = label
        option.append(name, about)
        return option
      }),
    )
    list.hidden = false
    input.setAttribute('aria-expanded', 'true')
    mark(-1)
  }

  /** The answer to the latest question wins, whatever order they come in. */
  const complete = async () => {
    const turn = ++asked
    request?.abort()
    request = new AbortController()
    const line = input.value.slice(0, input.selectionStart ?? input.value.length)
    if (line.trim() === '' || line.length !== input.value.length) return close()
    try {
      const response = await fetch(`/console/complete?line=${encodeURIComponent(line)}`, {
        headers: { accept: 'application/json' },
        signal: request.signal,
      })
      if (response.ok && turn === asked) show((await response.json()).slice(0, 12))
    } catch {
      // Another question took over, or the bot is away: the box works without completion.
    }
  }

  const put = (line) => {
    input.value = line
    input.setSelectionRange(line.length, line.length)
  }

  const accept = (index) => {
    put(choices[index].line)
    input.focus()
    void complete()
  }

  const recall = (step) => {
    const to = Math.max(-1, Math.min(history.length - 1, past + step))
    past = to
    put(to < 0 ? '' : history[to])
    close()
  }

  input.addEventListener('input', () => {
    past = -1
    void complete()
  })
  input.addEventListener('blur', () => close())
  list.addEventListener('pointerdown', (event) => {
    event.preventDefault()
    const index = [...list.children].indexOf(event.target.closest('li'))
    if (index >= 0) accept(index)
  })
  input.addEventListener('keydown', (event) => {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return
    const open = !list.hidden
    const typing = input.value !== '' && !/\s$/.test(input.value)
    const inPast = input.value === '' || (past >= 0 && input.value === history[past])
    if (open && event.key === 'ArrowDown') mark((active + 1) % choices.length)
    else if (open && event.key === 'ArrowUp') mark((active <= 0 ? choices.length : active) - 1)
    else if (open && event.key === 'Escape') close()
    else if (open && event.key === 'Tab' && !event.shiftKey && (active >= 0 || typing))
      accept(Math.max(0, active))
    else if (open && event.key === 'Enter' && active >= 0) accept(active)
    else if (!open && event.key === 'ArrowUp' && inPast && history.length > 0) recall(1)
    else if (!open && event.key === 'ArrowDown' && past >= 0) recall(-1)
    else return
    event.preventDefault()
  })

  return {
    /** Puts a command there for the person to look at and send. */
    type(line) {
      put(line)
      close()
      input.focus()
      form.scrollIntoView({ block: 'nearest' })
    },
    sent(line) {
      history = [line, ...history.filter((other) => other !== line)]
      past = -1
      put('')
      close()
    },
  }
}
