/** A language model behind OpenAI's interface, that says what it was told to say, one answer after the other. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Model extends AsyncDisposable {
  /** For the Base URL of the credential. */
  readonly url: string
  /** What it was asked, the oldest first. */
  readonly asked: readonly Asked[]
}

interface Asked {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[]
  readonly tools?: readonly { readonly function: { readonly name: string } }[]
}

/** Text, or a call of the first tool whose name matches. */
export type Answer =
  | { readonly text: string }
  | { readonly tool: RegExp; readonly input: Readonly<Record<string, unknown>> }

export async function startModel(answers: readonly Answer[]): Promise<Model> {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    if (!request.url?.endsWith('/chat/completions')) {
      response.writeHead(404).end()
      return
    }
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Asked & { stream?: boolean }
    const answer = answers[asked.length] ?? { text: 'I have nothing to add.' }
    asked.push(body)
    const message = messageOf(answer, body)
    const about = { id: `answer-${asked.length}`, created: 0, model: 'simulated' }
    const finish = 'tool_calls' in message ? 'tool_calls' : 'stop'
    if (body.stream === true) {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const chunk = (delta: object, reason: string | null) =>
        response.write(
          `data: ${JSON.stringify({ ...about, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`,
        )
      chunk(message, null)
      chunk({}, finish)
      response.end('data: [DONE]\n\n')
      return
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    const choices = [{ index: 0, message, finish_reason: finish }]
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
    response.end(JSON.stringify({ ...about, object: 'chat.completion', choices, usage }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    asked,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function messageOf(answer: Answer, { tools = [] }: Asked): object {
  if ('text' in answer) return { role: 'assistant', content: answer.text }
  const name = tools.map((tool) => tool.function.name).find((each) => answer.tool.test(each))
  if (name === undefined) return { role: 'assistant', content: `I have no tool ${answer.tool}` }
  const call = { name, arguments: JSON.stringify(answer.input) }
  return {
    role: 'assistant',
    content: null,
    tool_calls: [{ index: 0, id: `call-${name}`, type: 'function', function: call }],
  }
}
