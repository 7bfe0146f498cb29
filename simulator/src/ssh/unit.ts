/** Whether what was asked for is this unit: `plex`, `plex.service`, or a pattern as `postgresql@*`. */
export function isUnit(asked: string, unit: string): boolean {
  const full = asked.includes('.') ? asked : `${asked}.service`
  const parts = full.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(unit)
}
