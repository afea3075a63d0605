/** Errors in the log: a line of JSON each. They never hold the parameters of a query. */

/** SQL longer than this is cut; the longest statements list every column of a story. */
const MAX_SQL = 600

export function logError(event: string, error: unknown, about: object = {}): void {
  console.error(JSON.stringify({ level: 'error', event, ...about, ...describeError(error) }))
}

/** What may be said of an error: of one of the database, its cause and its SQL. Drizzle's own message lists parameters. */
function describeError(error: unknown): { message: string; sql?: string; stack?: string } {
  if (!(error instanceof Error)) return { message: String(error) }
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line))
  const stack = frames && frames.length > 0 ? { stack: frames.join('\n') } : {}
  if (!('query' in error && 'params' in error)) return { message: error.message, ...stack }
  return { message: `query failed: ${reasonOf(error)}`, sql: String(error.query).slice(0, MAX_SQL), ...stack }
}

/** The message of the innermost cause: that of D1, where a query failed. */
export function reasonOf(error: unknown): string {
  let inner = error
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause
  return inner instanceof Error ? inner.message : String(inner)
}
