/**
 * A collection on disk, in folders or shards, with labels and a contact sheet.
 *
 * Any picture follows from the options and its place in the collection alone. So a run that was broken off goes on where
 * it stopped, whenever and on however many threads, and ends with the bytes of one that was not.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { writeWhole } from '../../engine/io/whole-file.ts'
import { describeCollection } from './card.ts'
import { drawCatalogue } from './catalogue.ts'
import { labelsOf, type StoryDbOptions, type Unit, unitsOf, widest } from './options.ts'
import { drawSheet } from './sheet.ts'
import { countLabels } from './statistics.ts'
import { writeOnThreads } from './threads.ts'

/**
 * Write what is missing; yields how many frames are there, first those that were there before.
 *
 * Afterwards come `storydb.png`, in folders `labels.jsonl`, and with `card` the card, `storydb.md`, and
 * `storydb-values.png`, every value once.
 */
export async function* writeStoryDb(
  options: StoryDbOptions,
  { threads, card }: { threads: number; card: boolean },
): AsyncGenerator<number> {
  await mkdir(options.out, { recursive: true })
  await claimFolder(options)
  const present = new Set(await readdir(options.out))
  const units = unitsOf(options)
  const missing = units.filter(({ name }) => !present.has(name))
  const missingSets = missing.reduce((sum, { first, end }) => sum + end - first, 0)
  let done = (options.sets - missingSets) * options.frames
  yield done
  for await (const frames of writeOnThreads(options, missing, threads)) yield (done += frames)
  if (options.format === 'folders') await joinLabels(options, units)
  await writeWhole(join(options.out, 'storydb.png'), await drawSheet(options))
  if (!card) return
  const statistics = await countLabels(units.map((unit) => join(options.out, labelsOf(options, unit))))
  await writeWhole(join(options.out, 'storydb.md'), describeCollection(options, statistics))
  await writeWhole(join(options.out, 'storydb-values.png'), await drawCatalogue(widest(options)))
}

/** Sets of different options must not mix in one folder, so the first run leaves its options there. */
async function claimFolder({ out, sets, format, shardImages, ...made }: StoryDbOptions): Promise<void> {
  const path = join(out, 'storydb.json')
  // More folders may be added at any time; the last shard depends on how many sets there are.
  const recipe = JSON.stringify(format === 'folders' ? { format, ...made } : { format, sets, shardImages, ...made })
  const found = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  if (found === undefined) await writeWhole(path, recipe)
  else if (found !== recipe) throw new Error(`${out} holds sets made with ${found}, not with ${recipe}`)
}

async function joinLabels(options: StoryDbOptions, units: readonly Unit[]): Promise<void> {
  const path = join(options.out, 'labels.jsonl')
  await pipeline(
    async function* () {
      for (const unit of units) yield* createReadStream(join(options.out, labelsOf(options, unit)))
    },
    createWriteStream(`${path}.partial`),
  )
  await rename(`${path}.partial`, path)
}
