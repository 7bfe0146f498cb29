/**
 * Makes one element like another while keeping the nodes that are the same: focus, scroll and
 * selection stay where they are, and a progress bar moves instead of jumping.
 */
export function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return old
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || keyOf(old) !== keyOf(fresh)) {
    old.replaceWith(fresh)
    return fresh
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue
    return old
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name)
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value)
  morphChildren(old, [...fresh.childNodes])
  return old
}

const keyOf = (node) => node.dataset?.key

/** A child with a key is found again wherever it has moved to. */
export function morphChildren(parent, wanted) {
  const keyed = new Map()
  for (const child of parent.children) if (keyOf(child) !== undefined) keyed.set(keyOf(child), child)
  let at = parent.firstChild
  for (const fresh of wanted) {
    const known = keyOf(fresh) === undefined ? undefined : keyed.get(keyOf(fresh))
    if (known !== undefined && known !== at) parent.insertBefore(known, at)
    const old = known ?? at
    if (old === null || (known === undefined && keyOf(old) !== undefined)) {
      parent.insertBefore(fresh, at)
      continue
    }
    at = morph(old, fresh).nextSibling
  }
  while (at !== null) {
    const next = at.nextSibling
    at.remove()
    at = next
  }
}

/** The nodes of a piece of markup that our own server made. */
export function nodesOf(html) {
  const template = document.createElement('template')
  template.innerHTML = html
  return [...template.content.childNodes]
}
