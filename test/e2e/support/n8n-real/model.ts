/** A language model behind OpenAI's interface, that says what it was told to say, one answer after the other. */
import { json, listen } from './loopback.ts'

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
  const server = await listen((request) => {
    if (request.path !== '/v1/chat/completions') return json(404, { error: { message: 'not found' } })
    const body = JSON.parse(request.body) as Asked & { stream?: boolean }
    const answer = answers[asked.length] ?? { text: 'I have nothing to add.' }
    asked.push(body)
    const message = messageOf(answer, body, `call-${asked.length}`)
    const about = { id: `answer-${asked.length}`, created: 0, model: 'simulated' }
    const finish = 'tool_calls' in message ? 'tool_calls' : 'stop'
    if (body.stream !== true) {
      const choices = [{ index: 0, message, finish_reason: finish }]
      const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
      return json(200, { ...about, object: 'chat.completion', choices, usage })
    }
    const chunk = (delta: object, reason: string | null) => {
      const choices = [{ index: 0, delta, finish_reason: reason }]
      return `data: ${JSON.stringify({ ...about, object: 'chat.completion.chunk', choices })}\n\n`
    }
    const text = `${chunk(message, null)}${chunk({}, finish)}data: [DONE]\n\n`
    return { status: 200, type: 'text/event-stream', body: text }
  })
  return { url: `${server.url}/v1`, asked, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

/** @param id of its own for each call: an agent takes the second of the same id for the first */
function messageOf(answer: Answer, { tools = [] }: Asked, id: string): object {
  if ('text' in answer) return { role: 'assistant', content: answer.text }
  const name = tools.map((tool) => tool.function.name).find((each) => answer.tool.test(each))
  if (name === undefined) return { role: 'assistant', content: `I have no tool ${answer.tool}` }
  const call = { name, arguments: JSON.stringify(answer.input) }
  return {
    role: 'assistant',
    content: null,
    tool_calls: [{ index: 0, id, type: 'function', function: call }],
  }
}
