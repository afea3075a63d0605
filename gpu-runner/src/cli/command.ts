/** What every command does alike: its flags, `--help`, and an end with a sentence instead of a stack. */

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'

export interface Command {
  /** Flags and positional arguments. `--help` and `-h` print the usage and end the process. */
  read<T extends ParseArgsOptionsConfig>(
    options: T,
    more?: { positionals: boolean },
  ): ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>
  /** End with a sentence on standard error: 2 for a call that is wrong, which shows the usage, 1 for all else. */
  fail(message: string, code?: 1 | 2): never
  /** A whole number from a flag. */
  whole(flag: string, value: string | undefined, least: number, most?: number): number
  oneOf<T extends string>(flag: string, choices: readonly T[], value: string): T
  /** The word that says what is to be done; `kind` is what to call such words. */
  word<T extends string>(kind: string, choices: readonly T[], value: string | undefined): T
}

/** `name` is what follows `npm run`; `usage` is the whole help text. */
export function command(name: string, usage: string): Command {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (error: unknown) => end(name, sentenceOf(error), 1, error))
  const fail = (message: string, code: 1 | 2 = 2) => end(name, code === 2 ? `${message}\n${usage}` : message, code)
  return {
    fail,
    read(options, { positionals = false } = { positionals: false }) {
      try {
        const read = parseArgs({
          options: { ...options, help: { type: 'boolean', short: 'h' } },
          allowPositionals: true,
        })
        if ('help' in read.values && read.values.help === true) {
          process.stdout.write(`${usage}\n`)
          process.exit(0)
        }
        const [extra] = read.positionals
        if (!positionals && extra !== undefined) fail(`'${extra}' is not understood; flags begin with --`)
        return read as ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>
      } catch (error) {
        return fail(withHint(error instanceof Error ? error.message : String(error), Object.keys(options)))
      }
    },
    whole(flag, value, least, most = Number.MAX_SAFE_INTEGER) {
      if (value === undefined) return fail(`--${flag} <number> is missing`)
      const number = Number(value)
      if (/^\d+$/.test(value) && number >= least && number <= most) return number
      const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`
      return fail(`--${flag} must be a whole number ${range}, not '${value}'`)
    },
    oneOf(flag, choices, value) {
      const choice = choices.find((one) => one === value)
      return choice ?? fail(`--${flag} must be ${list(choices)}, not '${value}'`)
    },
    word(kind, choices, value) {
      if (value === undefined) return fail(`a ${kind} is missing: ${list(choices)}`)
      const choice = choices.find((one) => one === value)
      if (choice) return choice
      const near = nearest(value, choices)
      return fail(`there is no ${kind} '${value}'; ${near ? `is ${near} meant?` : `it is ${list(choices)}`}`)
    },
  }
}

/** What went wrong, in words for whoever called the command; `DEBUG=1` adds where in the code. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, path } = error as NodeJS.ErrnoException
  const file = path ?? 'a file'
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `no space is left for ${file}`
    case 'EFBIG':
      return `${file} would be larger than is allowed here`
    case 'ENOTDIR':
    case 'EEXIST':
      return `${file} cannot be made: there is a file where a folder is needed`
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `${file} may not be written or read`
    case 'ENOENT':
      return `${file} does not exist`
    default:
      return error.message
  }
}

function end(name: string, message: string, code: 1 | 2, error?: unknown): never {
  process.exitCode = code
  const stack = process.env.DEBUG && error instanceof Error ? `\n${error.stack}` : ''
  // After the listeners of 'exit', which end a progress bar.
  process.on('exit', () => process.stderr.write(`${name}: ${message}${stack}\n`))
  process.exit(code)
}

/** Node names the unknown flag; the nearest known one is what was meant, if any is near. */
function withHint(message: string, known: readonly string[]): string {
  const unknown = /^Unknown option '--?([^']+)'/.exec(message)?.[1]
  if (unknown === undefined) return message
  const near = nearest(unknown, [...known, 'help'])
  return `Unknown option '--${unknown}'${near ? `; is --${near} meant?` : ''}`
}

/** The known word that was probably meant. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const [first] = known.toSorted((a, b) => distance(word, a) - distance(word, b))
  return first !== undefined && distance(word, first) <= Math.max(1, word.length / 3) ? first : undefined
}

/** Letters to change, add, leave out or swap with their neighbour. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, k) => k)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let k = 1; k <= b.length; k++) {
      const changed = rows[i - 1]![k - 1]! + Number(a[i - 1] !== b[k - 1])
      const swapped = a[i - 1] === b[k - 2] && a[i - 2] === b[k - 1] ? rows[i - 2]![k - 2]! + 1 : changed
      row.push(Math.min(row[k - 1]! + 1, rows[i - 1]![k]! + 1, changed, swapped))
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}

const list = (choices: readonly string[]): string =>
  choices.length < 2 ? choices.join() : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`
