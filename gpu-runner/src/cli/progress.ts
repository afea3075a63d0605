/** A progress bar on standard error; where that is not a terminal, a plain line every few seconds. */

export type ProgressOptions = {
  stream?: NodeJS.WriteStream
  /** Milliseconds since any fixed moment. */
  now?: () => number
  /** What was done before, in another run, and says nothing of the speed of this one. */
  initial?: number
  /** What to call the units when telling how many are done a second; without it nothing is told. */
  rateOf?: string
}

const TERMINAL_INTERVAL = 100
const LINE_INTERVAL = 5000
const WIDTH = 28

/** Returns a function to call with what is done so far; a call with `done === total` ends the bar. */
export function progressBar(
  label: string,
  total: number,
  { stream = process.stderr, now = () => performance.now(), initial = 0, rateOf }: ProgressOptions = {},
): (done: number, note?: string) => void {
  const start = now()
  const interval = stream.isTTY ? TERMINAL_INTERVAL : LINE_INTERVAL
  let shown = stream.isTTY ? Number.NEGATIVE_INFINITY : start
  return (done, note = '') => {
    const time = now()
    if (done < total && time - shown < interval) return
    shown = time
    const share = total ? Math.min(done / total, 1) : 1
    const seconds = (time - start) / 1000
    const made = done - initial
    const left = made > 0 && done < total ? ` ${duration((seconds * (total - done)) / made)} left` : ''
    const rate = rateOf && made > 0 && seconds > 0 ? ` ${(made / seconds).toFixed(1)} ${rateOf}/s` : ''
    const counts = `${done}/${total}${rate}${left}${note ? ` ${note}` : ''}`
    if (!stream.isTTY) {
      stream.write(`${label} ${counts}\n`)
      return
    }
    const filled = Math.round(share * WIDTH)
    stream.write(
      `\r\x1b[K${label} ${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${counts}${done < total ? '' : '\n'}`,
    )
  }
}

const duration = (seconds: number): string =>
  seconds < 600 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
