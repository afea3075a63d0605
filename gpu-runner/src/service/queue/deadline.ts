/** A signal that is aborted `milliseconds` after `signal` was. */
export function after(signal: AbortSignal, milliseconds: number): { signal: AbortSignal; clear: () => void } {
  const later = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const start = () => {
    timer = setTimeout(() => later.abort(signal.reason), milliseconds)
  }
  signal.addEventListener('abort', start)
  if (signal.aborted) start()
  return {
    signal: later.signal,
    clear: () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', start)
    },
  }
}
