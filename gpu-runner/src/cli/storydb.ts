/** `npm run storydb`: draw sets of frames with masks, labels and captions into a folder; run again to go on. */
import { parseArgs } from 'node:util'
import type { Level, Split } from '../storydb/types.ts'
import { type StoryDbOptions, writeStoryDb } from '../storydb/write.ts'
import { progressBar } from './progress.ts'

const USAGE = `usage: npm run storydb -- --out <folder> --sets <n> --frames <k> --seed <s>
         [--level 1|2|3] [--split train|held-out] [--size <pixels>]`

const options = readOptions()
const progress = progressBar('sets', options.sets)
try {
  for await (const done of writeStoryDb(options)) progress(done)
} catch (error) {
  fail(error instanceof Error ? error.message : String(error), 1)
}

function readOptions(): StoryDbOptions {
  const flags = readFlags()
  const { out, level = '1', split = 'train' } = flags
  if (!out) fail('--out <folder> is missing')
  if (!['1', '2', '3'].includes(level)) fail(`--level must be 1, 2 or 3, not '${level}'`)
  if (split !== 'train' && split !== 'held-out') fail(`--split must be train or held-out, not '${split}'`)
  return {
    out,
    sets: whole('sets', flags.sets, 1, 1_000_000),
    frames: whole('frames', flags.frames, 1, 100),
    seed: whole('seed', flags.seed, 0, 2 ** 31 - 1),
    level: Number(level) as Level,
    split: split satisfies Split,
    size: whole('size', flags.size ?? '128', 16, 2048),
  }
}

function readFlags() {
  const text = { type: 'string' } as const
  const flags = { out: text, sets: text, frames: text, seed: text, level: text, split: text, size: text }
  try {
    return parseArgs({ options: flags }).values
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error))
  }
}

function whole(name: string, value: string | undefined, least: number, most: number): number {
  if (value === undefined) fail(`--${name} <number> is missing`)
  const number = Number(value)
  if (!/^\d+$/.test(value) || number < least || number > most) {
    fail(`--${name} must be a whole number from ${least} to ${most}, not '${value}'`)
  }
  return number
}

function fail(message: string, code: 1 | 2 = 2): never {
  process.stderr.write(`storydb: ${message}\n${code === 2 ? `${USAGE}\n` : ''}`)
  process.exit(code)
}
