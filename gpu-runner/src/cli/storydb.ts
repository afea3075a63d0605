/** `npm run storydb`: draw sets of frames with masks, labels and captions into a folder; run again to go on. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { LEVELS } from '../lab/storydb/levels.ts'
import type { StoryDbOptions } from '../lab/storydb/options.ts'
import { writeStoryDb } from '../lab/storydb/write.ts'
import { progressBar } from './progress.ts'

const USAGE = `usage: npm run storydb -- --out <folder> --images <n> --seed <s>
         [--frames <a set>] [--sets <n>, instead of --images] [--level 1|2|3|4|5|6|all] [--split train|held-out]
         [--size <pixels>] [--format folders|shards] [--shard-images <n>] [--threads <n>] [--card]`

/** From so many images on, a folder a set is more than file systems and tools like. */
const MANY_IMAGES = 10_000

const { options, threads, card } = readOptions()
const total = options.sets * options.frames
let progress: ReturnType<typeof progressBar> | undefined
try {
  for await (const done of writeStoryDb(options, { threads, card })) {
    progress ??= progressBar('images', total, { initial: done, rateOf: 'images' })
    progress(done)
  }
} catch (error) {
  fail(error instanceof Error ? error.message : String(error), 1)
}

function readOptions(): { options: StoryDbOptions; threads: number; card: boolean } {
  const flags = readFlags()
  const { out, level = 'all', split = 'train', card = false } = flags
  if (!out) fail('--out <folder> is missing')
  const one = LEVELS.find((number) => level === `${number}`)
  if (level !== 'all' && !one) fail(`--level must be ${LEVELS.join(', ')} or all, not '${level}'`)
  if (split !== 'train' && split !== 'held-out') fail(`--split must be train or held-out, not '${split}'`)
  if (flags.sets !== undefined && flags.images !== undefined) fail('--sets and --images say the same; give one of them')
  if (flags.sets === undefined && flags.images === undefined) fail('--images <number> or --sets <number> is missing')
  const frames = whole('frames', flags.frames ?? '4', 1, 100)
  const sets =
    flags.images === undefined
      ? whole('sets', flags.sets, 1, 1_000_000)
      : Math.ceil(whole('images', flags.images, 1, 1_000_000 * frames) / frames)
  const { format = sets * frames < MANY_IMAGES ? 'folders' : 'shards' } = flags
  if (format !== 'folders' && format !== 'shards') fail(`--format must be folders or shards, not '${format}'`)
  const options: StoryDbOptions = {
    out,
    sets,
    frames,
    seed: whole('seed', flags.seed, 0, 2 ** 31 - 1),
    level: one ?? 'all',
    split,
    size: whole('size', flags.size ?? '128', 16, 2048),
    format,
    shardImages: whole('shard-images', flags['shard-images'] ?? '1000', 1, 100_000),
  }
  return { options, threads: whole('threads', flags.threads ?? `${availableParallelism()}`, 1, 256), card }
}

function readFlags() {
  const text = { type: 'string' } as const
  const numbers = {
    sets: text,
    images: text,
    frames: text,
    seed: text,
    size: text,
    'shard-images': text,
    threads: text,
  }
  const flags = { ...numbers, out: text, level: text, split: text, format: text, card: { type: 'boolean' } } as const
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
