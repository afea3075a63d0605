/** `npm run storydb`: draw sets of frames with masks, labels and captions into a folder; run again to go on. */
import { availableParallelism } from 'node:os'
import { LEVELS } from '../lab/storydb/levels.ts'
import type { StoryDbOptions } from '../lab/storydb/options.ts'
import { writeStoryDb } from '../lab/storydb/write.ts'
import { type Command, command, sentenceOf } from './command.ts'
import { progressBar } from './progress.ts'

const USAGE = `usage: npm run storydb -- --out <folder> --images <n> --seed <s>
         [--frames <a set>] [--sets <n>, instead of --images] [--level 1|2|3|4|5|6|all] [--split train|held-out]
         [--size <pixels>] [--format folders|shards] [--shard-images <n>] [--threads <n>] [--card]`

/** From so many images on, a folder a set is more than file systems and tools like. */
const MANY_IMAGES = 10_000

const cli: Command = command('storydb', USAGE)
const { options, threads, card } = readOptions()
const total = options.sets * options.frames
let progress: ReturnType<typeof progressBar> | undefined
try {
  for await (const done of writeStoryDb(options, { threads, card })) {
    progress ??= progressBar('images', total, { initial: done, rateOf: 'images' })
    progress(done)
  }
} catch (error) {
  cli.fail(sentenceOf(error), 1)
}

function readOptions(): { options: StoryDbOptions; threads: number; card: boolean } {
  const flags = readFlags()
  const { out, level = 'all', split = 'train', card = false } = flags
  if (!out) cli.fail('--out <folder> is missing')
  const one = LEVELS.find((number) => level === `${number}`)
  if (level !== 'all' && !one) cli.fail(`--level must be ${LEVELS.join(', ')} or all, not '${level}'`)
  if (split !== 'train' && split !== 'held-out') cli.fail(`--split must be train or held-out, not '${split}'`)
  if (flags.sets !== undefined && flags.images !== undefined)
    cli.fail('--sets and --images say the same; give one of them')
  if (flags.sets === undefined && flags.images === undefined)
    cli.fail('--images <number> or --sets <number> is missing')
  const frames = cli.whole('frames', flags.frames ?? '4', 1, 100)
  const sets =
    flags.images === undefined
      ? cli.whole('sets', flags.sets, 1, 1_000_000)
      : Math.ceil(cli.whole('images', flags.images, 1, 1_000_000 * frames) / frames)
  const { format = sets * frames < MANY_IMAGES ? 'folders' : 'shards' } = flags
  if (format !== 'folders' && format !== 'shards') cli.fail(`--format must be folders or shards, not '${format}'`)
  const options: StoryDbOptions = {
    out,
    sets,
    frames,
    seed: cli.whole('seed', flags.seed, 0, 2 ** 31 - 1),
    level: one ?? 'all',
    split,
    size: cli.whole('size', flags.size ?? '128', 16, 2048),
    format,
    shardImages: cli.whole('shard-images', flags['shard-images'] ?? '1000', 1, 100_000),
  }
  return { options, threads: cli.whole('threads', flags.threads ?? `${availableParallelism()}`, 1, 256), card }
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
  return cli.read(flags).values
}
