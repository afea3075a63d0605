/**
 * `fetch`, once more where a kept connection was closed just as it was used: HTTP leaves that to the client (RFC 9112,
 * section 9.3.1), and Node's does not try again by itself. An edge that has gone fails the second time too.
 */
export async function steadyFetch(url: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code !== 'UND_ERR_SOCKET' && code !== 'ECONNRESET') throw error
    return fetch(url, init)
  }
}
