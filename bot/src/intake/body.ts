/** The body of a request, straight from its connection: by way of a web stream it would cost as much as all the rest. */
import type { IncomingMessage } from 'node:http'
import type { Context } from 'hono'

export class Oversized extends Error {}
/** Nobody is there to be answered. */
export class Gone extends Error {}

/**
 * Reads to the end or to the limit, whatever the length that was announced.
 * @throws Oversized when it is longer, Gone when its sender is before its end
 */
export async function bodyOf(c: Context, limit: number): Promise<string> {
  const { incoming } = c.env as { readonly incoming: IncomingMessage }
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  if (Number(incoming.headers['content-length'] ?? 0) > limit) throw new Oversized()
  const chunks: Buffer[] = []
  let size = 0
  const onData = (chunk: Buffer) => {
    size += chunk.byteLength
    if (size <= limit) chunks.push(chunk)
    else end(() => reject(new Oversized()))
  }
  const onEnd = () => end(() => resolve(Buffer.concat(chunks).toString('utf8')))
  const onClose = () => end(() => reject(new Gone()))
  const end = (settle: () => void) => {
    incoming.off('data', onData).off('end', onEnd).off('error', onClose).off('close', onClose)
    // What is left of one that is too long is for the server to get rid of.
    incoming.pause()
    settle()
  }
  incoming.on('data', onData).on('end', onEnd).on('error', onClose).on('close', onClose)
  return await promise
}
