/** Display names as n8n writes them. */
const initialisms: Readonly<Record<string, string>> = {
  cpu: 'CPU',
  dns: 'DNS',
  ha: 'HA',
  id: 'ID',
  ip: 'IP',
  lxc: 'LXC',
  mac: 'MAC',
  os: 'OS',
  qemu: 'QEMU',
  ssh: 'SSH',
  upid: 'UPID',
  url: 'URL',
  vm: 'VM',
  vmid: 'VMID',
}

/** `keepDaily` and `keep-daily` → `Keep Daily`, `vmid` → `VMID`. */
export const titleCase = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[\s_-]+/)
    .map((word) => initialisms[word.toLowerCase()] ?? word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ')

/** `Wait until it runs` → `Whether to wait until it runs`: how every boolean's description begins in n8n. */
export const whether = (description: string): string =>
  /^whether\b/i.test(description)
    ? description
    : `Whether to ${description.charAt(0).toLowerCase()}${description.slice(1)}`

/** In the order in which n8n wants options and collections: by what people read. */
export const byName = <T extends { readonly displayName?: string; readonly name: string }>(
  items: readonly T[],
): T[] => items.toSorted((a, b) => (a.displayName ?? a.name).localeCompare(b.displayName ?? b.name))
