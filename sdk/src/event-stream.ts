/** Reading `text/event-stream` from a body (HTML Standard, 9.2.6). */

interface ServerEvent {
  /** `message` unless the stream names another. */
  event: string
  data: string
  /** The last id that the stream has given. */
  id: string
}

export type StreamPart = ServerEvent | { retryMs: number } | 'comment'

/** Events, changes of the reconnection time, and comments, which show that the stream is alive. */
export async function* readEventStream(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamPart, void> {
  let id = ''
  let event = ''
  let data: string[] = []
  for await (const line of linesOf(body)) {
    if (line === '') {
      if (data.length > 0) yield { event: event || 'message', data: data.join('\n'), id }
      event = ''
      data = []
      continue
    }
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? []
    if (field === '') yield 'comment'
    else if (field === 'event') event = value
    else if (field === 'data') data.push(value)
    else if (field === 'id' && !value.includes('\0')) id = value
    else if (field === 'retry' && /^\d+$/.test(value)) yield { retryMs: Number(value) }
  }
}

/** Lines that end in LF, CR or CRLF. What follows the last end of line is dropped, as the standard says. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      rest += decoder.decode(value, { stream: true })
      // A CR at the end may be half of a CRLF.
      const lines = rest.split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      yield* lines
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
