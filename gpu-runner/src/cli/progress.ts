/** A progress bar on standard error, by cli-progress; where that is no terminal, a plain line every few seconds. */

import { SingleBar } from 'cli-progress'

export interface Progress {
  /** What is done so far. `done === total` ends the bar. */
  (done: number, note?: string): void
  /** Leave the bar as it stands; nothing happens when it has ended. */
  stop(): void
  [Symbol.dispose](): void
}

export type ProgressOptions = {
  stream?: NodeJS.WriteStream
  /** Milliseconds since any fixed moment. */
  now?: () => number
  /** What was done before, in another run, and says nothing of the speed of this one. */
  initial?: number
  /** What to call the units in the rate; without it no rate is shown. */
  rateOf?: string
  /** Say how much is done in percent instead of counting to `total`. */
  percent?: boolean
}

const LINE_INTERVAL = 5000
const WIDEST_BAR = 28
const NARROWEST_BAR = 8

/** A bar from `initial` to `total`. It must be ended or stopped: until then its timer keeps the process alive. */
export function progressBar(label: string, total: number, options: ProgressOptions = {}): Progress {
  const { stream = process.stderr, now = () => performance.now(), initial = 0, rateOf, percent = false } = options
  const start = now()
  const show = stream.isTTY ? onTerminal(label, total, stream) : inLines(label, total, stream, now)
  const update = (done: number, note = '') => {
    const share = total ? Math.min(done / total, 1) : 1
    const seconds = (now() - start) / 1000
    const made = done - initial
    const rate = rateOf && made > 0 && seconds > 0 ? `${(made / seconds).toFixed(1)} ${rateOf}/s` : ''
    const left = made > 0 && done < total ? `${duration((seconds * (total - done)) / made)} left` : ''
    const counts = percent ? `${Math.round(100 * share)} %` : `${done}/${total}`
    show.update(done, [counts, rate, left, note].filter((part) => part !== '').join(' '))
    if (done >= total) show.stop()
  }
  return Object.assign(update, { stop: show.stop, [Symbol.dispose]: show.stop })
}

function onTerminal(label: string, total: number, stream: NodeJS.WriteStream) {
  const bar = new SingleBar({
    stream,
    fps: 10,
    // A signal is the command's to handle, and wrapping is not touched: a line is cut to the terminal's width here.
    gracefulExit: false,
    linewrap: true,
    format: (_, { progress }, { said }) => barLine(label, progress, said, (stream.columns || 80) - 1),
  })
  bar.start(total, 0, { said: '' })
  const stop = () => bar.stop()
  // What is printed on the way out begins on a line of its own.
  process.once('exit', stop)
  return {
    update: (done: number, said: string) => bar.update(Math.min(done, total), { said }),
    stop() {
      process.off('exit', stop)
      bar.stop()
    },
  }
}

function inLines(label: string, total: number, stream: NodeJS.WriteStream, now: () => number) {
  let shown = now()
  return {
    update(done: number, said: string) {
      if (done < total && now() - shown < LINE_INTERVAL) return
      shown = now()
      stream.write(`${label} ${said}\n`)
    },
    stop() {},
  }
}

/** At most `width` columns: the bar gives way first, down to nothing, then what is said is cut at its end. */
export function barLine(label: string, share: number, said: string, width: number): string {
  const room = Math.min(WIDEST_BAR, width - columnsOf(label) - columnsOf(said) - 2)
  const filled = Math.round(share * room)
  const bar = room < NARROWEST_BAR ? [] : [`${'█'.repeat(filled)}${'░'.repeat(room - filled)}`]
  const line = [label, ...bar, said].join(' ')
  if (columnsOf(line) <= width) return line
  const graphemes = Array.from(new Intl.Segmenter().segment(line), ({ segment }) => segment)
  while (columnsOf(`${graphemes.join('')}…`) > width) graphemes.pop()
  return `${graphemes.join('')}…`
}

/** Terminals draw ideographs, kana, hangul and emoji two columns wide. */
function columnsOf(text: string): number {
  const wide =
    /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[\u3000-\u303f\uff01-\uff60]/u
  return Array.from(new Intl.Segmenter().segment(text)).reduce(
    (sum, { segment }) => sum + (wide.test(segment) ? 2 : 1),
    0,
  )
}

const duration = (seconds: number): string =>
  seconds < 600 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
