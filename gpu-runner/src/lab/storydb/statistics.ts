/** What a collection consists of, counted from its labels line by line. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { FrameLabel } from './draw.ts'
import { ATTRIBUTES, type Attribute, VOCABULARY } from './vocabulary.ts'

/** How often a whole number occurred, by that number. */
export type Histogram = Map<number, number>

export type Statistics = {
  images: number
  characters: number
  levels: Histogram
  charactersAFrame: Histogram
  /** Frames for places and times of day, characters for everything else; every value of the vocabulary is there. */
  values: Record<Attribute, Map<string, number>>
  /** Words, commas left out. */
  captionWords: Histogram
  descriptionWords: Histogram
  /** The first caption of a frame of so many characters. */
  examples: Map<number, string>
  /** Frames whose place is laid out the other way round. */
  mirrored: number
  /** Heights of characters in tenths of the frame, rounded down. */
  heights: Histogram
  /** How many different ones; the only count whose memory grows with the collection. */
  identities: number
  imageBytes: number
  maskBytes: number
}

const IDENTITY = [
  'species',
  'fur',
  'hairStyle',
  'hairColour',
  'topType',
  'topColour',
  'topPattern',
  'bottomType',
  'bottomColour',
  'accessory',
  'accessoryColour',
] as const satisfies Attribute[]

/** Count the labels in `paths`, files of one label a line. */
export async function countLabels(paths: readonly string[]): Promise<Statistics> {
  const statistics = noneYet()
  const identities = new Set<string>()
  for (const path of paths) {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      const label = JSON.parse(line) as FrameLabel
      countFrame(statistics, label)
      for (const { labels } of label.characters) identities.add(IDENTITY.map((name) => labels[name]).join())
    }
  }
  return { ...statistics, identities: identities.size }
}

function countFrame(statistics: Statistics, { level, bytes, caption, layout, characters }: FrameLabel): void {
  statistics.images++
  statistics.characters += characters.length
  statistics.imageBytes += bytes.image
  statistics.maskBytes += bytes.masks
  if (layout.mirrored) statistics.mirrored++
  add(statistics.levels, level)
  add(statistics.charactersAFrame, characters.length)
  add(statistics.captionWords, wordsOf(caption))
  if (!statistics.examples.has(characters.length)) statistics.examples.set(characters.length, caption)
  for (const [i, { attributes, description, height }] of characters.entries()) {
    for (const name of ATTRIBUTES) if (i === 0 || !ofScene(name)) add(statistics.values[name], attributes[name])
    add(statistics.descriptionWords, wordsOf(description))
    add(statistics.heights, Math.floor(height * 10))
  }
}

const ofScene = (name: Attribute): boolean => ['place', 'time', 'weather', 'view'].includes(name)
const wordsOf = (text: string): number => text.split(' ').filter((word) => word !== ',').length

function add<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function noneYet(): Statistics {
  const zeros = (name: Attribute): [Attribute, Map<string, number>] => [
    name,
    new Map(VOCABULARY[name].map((value) => [value, 0])),
  ]
  return {
    images: 0,
    characters: 0,
    levels: new Map(),
    charactersAFrame: new Map(),
    values: Object.fromEntries(ATTRIBUTES.map(zeros)) as Statistics['values'],
    captionWords: new Map(),
    descriptionWords: new Map(),
    examples: new Map(),
    mirrored: 0,
    heights: new Map(),
    identities: 0,
    imageBytes: 0,
    maskBytes: 0,
  }
}
