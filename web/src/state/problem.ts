/** Whatever went wrong, as the API words it where the API said so. */
import { ApiError, ConnectionError } from '../../../sdk/src/errors.ts'
import { errorNote, type Note } from './notes.ts'

export interface Trouble {
  title: string
  detail: string
  notes: Note[]
  /** The key is no longer good. */
  signedOut: boolean
  requestId: string | null
}

/** Undefined for a request that the page itself gave up. */
export function troubleOf(error: unknown): Trouble | undefined {
  if (error instanceof ApiError) {
    const { title, detail, errors, status, requestId = null } = error
    return { title, detail, notes: errors.map(errorNote), signedOut: status === 401, requestId }
  }
  if (error instanceof Error && error.name === 'AbortError') return undefined
  const detail =
    error instanceof TypeError || error instanceof ConnectionError
      ? 'The server did not answer. Is it still running?'
      : String(error)
  return { title: 'No answer', detail, notes: [], signedOut: false, requestId: null }
}
