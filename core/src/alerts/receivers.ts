/** Which receivers of an Alertmanager lead here: what it sends nowhere, or to others, is none of ours. */
import { parse } from 'yaml'
import { z } from 'zod'

const Receiver = z.looseObject({
  name: z.string(),
  webhook_configs: z
    .array(z.looseObject({ url: z.unknown() }))
    .nullish()
    .transform((all) => all ?? []),
})
const File = z.object({ receivers: z.array(Receiver) })

/**
 * @param file Alertmanager's own, as its status has it: newer versions write `<secret>` for the addresses
 * @param source as the address of its webhook ends: `/alerts/<source>`
 * @returns undefined when nothing can be told by the file
 */
export function receiversFor(file: string, source: string): ReadonlySet<string> | undefined {
  const parsed = File.safeParse(yaml(file))
  if (!parsed.success) return undefined
  const { receivers } = parsed.data
  const named = (fits: (receiver: z.infer<typeof Receiver>) => boolean) => {
    const found = receivers.filter(fits).map(({ name }) => name)
    return found.length === 0 ? undefined : new Set(found)
  }
  const leadsHere = ({ url }: { url: unknown }) =>
    typeof url === 'string' && URL.canParse(url) && pathOf(url).endsWith(`/alerts/${source}`)
  const isHidden = ({ url }: { url: unknown }) => typeof url !== 'string' || !URL.canParse(url)
  return (
    named(({ webhook_configs: hooks }) => hooks.some(leadsHere)) ??
    named(({ webhook_configs: hooks }) => hooks.some(isHidden)) ??
    // It comes here by way of another one: at least what nobody is sent does not.
    named((receiver) =>
      Object.entries(receiver).some(
        ([key, value]) => key.endsWith('_configs') && Array.isArray(value) && value.length > 0,
      ),
    )
  )
}

const pathOf = (url: string): string => new URL(url).pathname.replace(/\/+$/, '')

function yaml(text: string): unknown {
  try {
    return parse(text, { logLevel: 'silent' })
  } catch {
    return undefined
  }
}
