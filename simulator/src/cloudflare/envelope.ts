/** `{success, errors, messages, result, result_info}`: what every call answers. */
import type { Json } from './json.ts'

/** A refusal, with Cloudflare's number. */
export class Refusal extends Error {
  readonly status: number
  readonly code: number
  readonly chain: readonly { readonly code: number; readonly message: string }[]

  constructor(status: number, code: number, message: string, chain: Refusal['chain'] = []) {
    super(message)
    this.status = status
    this.code = code
    this.chain = chain
  }
}

/** A list, of which a call shows one page. */
export class Rows {
  readonly rows: readonly object[]
  /** The largest page. */
  readonly most: number
  /** The usual page. */
  readonly usual: number

  constructor(rows: readonly object[], most: number, usual: number) {
    this.rows = rows
    this.most = most
    this.usual = usual
  }
}

export interface Answer {
  readonly status: number
  readonly body: Json | string
}

function pageOf(list: Rows, query: URLSearchParams): Json {
  const number = (name: string, fallback: number): number => {
    const value = Number(query.get(name) ?? fallback)
    return Number.isInteger(value) && value > 0 ? value : fallback
  }
  const perPage = Math.min(list.most, number('per_page', list.usual))
  const page = number('page', 1)
  const result = list.rows.slice((page - 1) * perPage, page * perPage)
  const total = list.rows.length
  return {
    result,
    result_info: {
      page,
      per_page: perPage,
      count: result.length,
      total_count: total,
      total_pages: Math.ceil(total / perPage),
    },
  }
}

export const success = (result: unknown, query: URLSearchParams): Answer => ({
  status: 200,
  body: {
    success: true,
    errors: [],
    messages: [],
    ...(result instanceof Rows ? pageOf(result, query) : { result: result ?? null }),
  },
})

export const refused = ({ status, code, message, chain }: Refusal): Answer => ({
  status,
  body: {
    success: false,
    errors: [{ code, message, ...(chain.length > 0 && { error_chain: chain }) }],
    messages: [],
    result: null,
  },
})
