/** What a collection is made of, and how it is laid out on disk. */

import type { Level } from './levels.ts'
import type { Split } from './types.ts'

/** `all` mixes the levels, the same way for every seed. */
export type LevelChoice = Level | 'all'

/** `folders`: a folder a set. `shards`: tar archives of many sets, named as WebDataset's tools expect it. */
type Format = 'folders' | 'shards'

export type StoryDbOptions = {
  out: string
  sets: number
  /** Frames a set. */
  frames: number
  seed: number
  level: LevelChoice
  split: Split
  /** Width and height of a picture in pixels. */
  size: number
  format: Format
  /** Pictures a shard, rounded down to whole sets, but at least one set. */
  shardImages: number
}

/** Half of the sets have up to three characters; of those with one, two in five show it large and in few words. */
const MIXED: readonly Level[] = [3, 2, 3, 1, 3, 2, 3, 1, 3, 2]

export const levelOf = (level: LevelChoice, set: number): Level =>
  level === 'all' ? MIXED[set % MIXED.length]! : level

/** The level of a collection that has all its values. */
export const widest = ({ level }: Pick<StoryDbOptions, 'level'>): Level => (level === 'all' ? 3 : level)

/**
 * A unit is what is written at a time, whole or not at all: a set in folders, else a shard. `first` and `end` are sets,
 * `end` the one after the last.
 */
export type Unit = { name: string; first: number; end: number }

export function unitsOf({ sets, frames, format, shardImages }: StoryDbOptions): Unit[] {
  const step = format === 'folders' ? 1 : Math.max(1, Math.floor(shardImages / frames))
  return Array.from({ length: Math.ceil(sets / step) }, (_, i) => ({
    name: format === 'folders' ? setName(i) : `story-${sixDigits(i)}.tar`,
    first: i * step,
    end: Math.min(sets, (i + 1) * step),
  }))
}

/** Where the labels of a unit are, one line a frame. */
export const labelsOf = ({ format }: Pick<StoryDbOptions, 'format'>, { name }: Unit): string =>
  format === 'folders' ? `${name}/labels.jsonl` : name.replace(/tar$/, 'jsonl')

export const setName = (set: number): string => `set-${sixDigits(set)}`

const sixDigits = (n: number): string => String(n).padStart(6, '0')
