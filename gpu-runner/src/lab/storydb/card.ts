/** The data card: what a collection is and how it is spread, as Markdown beside its contact sheet. */

import type { Level } from './levels.ts'
import { type StoryDbOptions, widest } from './options.ts'
import type { Histogram, Statistics } from './statistics.ts'
import { type Attribute, valuesAt } from './vocabulary.ts'

const levelWords: Readonly<Record<number, string>> = {
  1: 'one large character, small vocabulary',
  2: 'one character, whole vocabulary',
  3: 'one to three characters, whole vocabulary',
  4: 'one to three characters, small vocabulary',
  5: 'one to three characters, whole vocabulary, everyday words',
  6: 'one to three characters, wide vocabulary, everyday words',
} satisfies Record<Level, string>

const TABLES: readonly [title: string, attribute: Attribute, of: 'images' | 'characters'][] = [
  ['Places', 'place', 'images'],
  ['Times of day', 'time', 'images'],
  ['Weather', 'weather', 'images'],
  ['Views', 'view', 'images'],
  ['Species', 'species', 'characters'],
  ['Actions', 'action', 'characters'],
  ['Expressions', 'expression', 'characters'],
  ['Facing', 'facing', 'characters'],
  ['Fur, metal or skin', 'fur', 'characters'],
  ['Hair', 'hairStyle', 'characters'],
  ['Tops', 'topType', 'characters'],
  ['Patterns', 'topPattern', 'characters'],
  ['Bottoms', 'bottomType', 'characters'],
  ['Accessories', 'accessory', 'characters'],
  ['Props', 'prop', 'characters'],
]

export function describeCollection(options: StoryDbOptions, statistics: Statistics): string {
  const { images, characters, identities, imageBytes, maskBytes, mirrored } = statistics
  const rows = (counts: Histogram, name: (key: number) => string, of: number) =>
    [...counts].sort(([a], [b]) => a - b).map(([key, count]) => `| ${name(key)} | ${count} | ${percent(count, of)} |`)
  const lines = [
    '# StoryDB',
    '',
    `${images} drawings of ${options.size} × ${options.size} pixels in ${options.sets} sets of ${options.frames}; who is in a set`,
    'stays the same while poses, moods, places and layouts change. Counted from the labels by this command:',
    '',
    '```sh',
    commandOf(options),
    '```',
    '',
    '![The first sets, and masks of the last row](storydb.png)',
    '',
    'The last row shows the masks of the row above: face, upper and lower body, and white for what only the whole has.',
    '',
    '| | |',
    '|---|---|',
    `| images | ${images} |`,
    `| characters in them | ${characters} |`,
    `| different identities | ${identities} |`,
    `| split | ${options.split} |`,
    `| layouts mirrored | ${percent(mirrored, images)} |`,
    `| words of a caption | ${spread(statistics.captionWords)} |`,
    `| words of a character's description | ${spread(statistics.descriptionWords)} |`,
    `| bytes of a picture, mean | ${Math.round(imageBytes / images)} |`,
    `| bytes of all masks of a picture, mean | ${Math.round(maskBytes / images)} |`,
    '',
    '| level | images | share |',
    '|---|--:|--:|',
    ...rows(statistics.levels, (level) => `${level}: ${levelWords[level]}`, images),
    '',
    '| characters in a frame | images | share |',
    '|---|--:|--:|',
    ...rows(statistics.charactersAFrame, String, images),
    '',
    '| height of a character, of the frame | characters | share |',
    '|---|--:|--:|',
    ...rows(statistics.heights, (tenth) => `${10 * tenth}–${10 * tenth + 10} %`, characters),
    '',
    '![Every species, action, prop, place, hour, weather and view](storydb-values.png)',
    '',
    ...TABLES.flatMap(([title, attribute, of]) => {
      const possible: readonly string[] = valuesAt(attribute, widest(options))
      const counts = [...statistics.values[attribute]].filter(([value]) => possible.includes(value))
      return possible.length > 1 ? [`**${title}** (${of}): ${listed(new Map(counts))}.`, ''] : []
    }),
    'Captions of the first frames with one, two and three characters, as far as there are any:',
    '',
    ...[...statistics.examples].sort(([a], [b]) => a - b).map(([, caption]) => `- ${caption}`),
  ]
  return `${lines.join('\n')}\n`
}

/** The command that makes the same collection. */
function commandOf({ sets, frames, seed, level, split, size, format, shardImages }: StoryDbOptions): string {
  const shards = format === 'shards' ? ` --shard-images ${shardImages}` : ''
  return `npm run storydb -- --out <folder> --images ${sets * frames} --frames ${frames} --seed ${seed} --level ${level} \\
  --split ${split} --size ${size} --format ${format}${shards} --card`
}

const listed = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([value, count]) => `${value} ${count}`).join(', ')

const percent = (count: number, of: number): string => `${((100 * count) / of).toFixed(1)} %`

/** "4 to 61, half of them 18 or fewer". */
function spread(counts: Histogram): string {
  const sorted = [...counts].sort(([a], [b]) => a - b)
  const total = sorted.reduce((sum, [, count]) => sum + count, 0)
  let below = 0
  const median = sorted.find(([, count]) => (below += count) >= total / 2)
  return `${sorted[0]?.[0]} to ${sorted.at(-1)?.[0]}, half of them ${median?.[0]} or fewer`
}
