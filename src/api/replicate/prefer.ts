/** The header `Prefer` (RFC 7240), as far as predictions know it. */

/**
 * The longest that a request is held, in seconds: replicate-stainless gives up after 60 and would post once more.
 * replicate-javascript asks for 60.
 */
const MAX_WAIT_SECONDS = 55

export interface Preferences {
  /** How long the answer may be held back for the end of the prediction; undefined to answer at once. */
  waitSeconds: number | undefined
  /** Whether a prediction that was never started in time may be called `aborted`, which stock clients do not know. */
  aborted: boolean
}

/** Preferences that are unknown or malformed are passed over, as the RFC asks. `wait` is kept within 1 to 55. */
export function parsePrefer(header = ''): Preferences {
  const preferences = header.split(',').map((one) => one.split(';', 1)[0]?.trim().toLowerCase() ?? '')
  const wait = preferences.find((one) => /^wait(\s*=\s*"?\d+"?)?$/.test(one))
  const seconds = wait && Number(/\d+/.exec(wait)?.[0] ?? MAX_WAIT_SECONDS)
  return {
    waitSeconds: seconds === undefined || seconds === '' ? undefined : Math.min(Math.max(seconds, 1), MAX_WAIT_SECONDS),
    aborted: preferences.includes('aborted'),
  }
}

/** What `Preference-Applied` says; undefined when nothing was asked for. */
export function applied({ waitSeconds, aborted }: Preferences): string | undefined {
  const list = [...(waitSeconds === undefined ? [] : [`wait=${waitSeconds}`]), ...(aborted ? ['aborted'] : [])]
  return list.length > 0 ? list.join(', ') : undefined
}
