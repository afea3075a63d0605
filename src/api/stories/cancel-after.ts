/** The request header `Cancel-After`, as Replicate has it: the story is over then, started or not. */
import { invalid } from '../http/problems.ts'

const MS = { s: 1000, m: 60_000, h: 3_600_000 } as const
const LONGEST_MS = 24 * MS.h

/** Milliseconds; undefined without the header. Throws `validation` for anything but `90s`, `5m`, `1h` up to 24 hours. */
export function parseCancelAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const [, count, unit] = /^\s*(\d{1,6})([smh])\s*$/.exec(header) ?? []
  const ms = Number(count) * MS[(unit ?? 's') as keyof typeof MS]
  if (ms >= MS.s && ms <= LONGEST_MS) return ms
  throw invalid([
    { pointer: 'Cancel-After', message: `a duration such as 90s, 5m or 1h, from 1s to 24h, not ${header}` },
  ])
}
