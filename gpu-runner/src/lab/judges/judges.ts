/** The trained judges, open: pictures in, who is where, what they look like and what they do out. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { input } from '../../engine/graph/value.ts'
import { type Picture, resized } from '../../engine/io/png.ts'
import { modelWeights } from '../../engine/runtime/model-weights.ts'
import { openSession } from '../../engine/runtime/session.ts'
import type { Session } from '../../engine/runtime/tensor.ts'
import { type Mask, mirrored, portraitPlanes, squareAround, wholePlanes } from '../../story/measures/pictures.ts'
import type { Level } from '../storydb/levels.ts'
import { ATTRIBUTES, type Attribute, VOCABULARY, valuesAt } from '../storydb/vocabulary.ts'
import { locate } from './locate.ts'
import {
  allClasses,
  type Classes,
  JudgesConfig,
  judgePortrait,
  judgeScene,
  places,
  portraitHeads,
  sceneHeads,
  sides,
} from './networks.ts'

/** For each attribute the probabilities of its values, in the order of `VOCABULARY`; of the first ones alone where judges know no more. */
export type Readings = Partial<Record<Attribute, Float32Array>>

export interface Sighting {
  /** How much of each cell of a 32×32 grid is this character. */
  mask: Mask
  readings: Readings
  embedding: Float32Array
  /** The embedding of the same portrait, left and right swapped. */
  mirrored: Float32Array
}

export interface Verdict {
  /** Of all characters. */
  mask: Mask
  scene: Readings
  /** As many as were said to be there, from the left; null for those that were not found. */
  characters: (Sighting | null)[]
}

/** Pixels a side at which pictures are read. */
const looked = 128

export class Judges {
  readonly #scene: Session
  readonly #portrait: Session
  readonly #classes: Classes

  static async open(folder: string): Promise<Judges> {
    const path = join(folder, 'config.json')
    if (!existsSync(path))
      throw new Error(`there are no judges in ${folder}; 'npm run train -- judges --out ${folder}' trains them`)
    const config = JudgesConfig.parse(JSON.parse(readFileSync(path, 'utf8')))
    const weights = modelWeights(folder, 'model')
    const picture = input('picture', ['batch', 3, sides.picture, sides.picture])
    const portrait = input('portrait', ['batch', 4, sides.portrait, sides.portrait])
    const options = { weights: folder }
    return new Judges(
      await openSession({ ...judgeScene(picture, weights.at('scene'), config) }, options),
      await openSession({ ...judgePortrait(portrait, weights.at('portrait'), config) }, options),
      config.classes ?? allClasses,
    )
  }

  private constructor(scene: Session, portrait: Session, classes: Classes) {
    this.#scene = scene
    this.#portrait = portrait
    this.#classes = classes
  }

  reads(name: Attribute): boolean {
    return Boolean(this.#classes[name])
  }

  /** Whether these judges can read all that frames of `level` show. */
  knows(level: Level): boolean {
    return ATTRIBUTES.every((name) => {
      const values = valuesAt(name, level).length
      return values === 1 || values <= (this.#classes[name] ?? 0)
    })
  }

  /** `counts[i]` characters are looked for in picture i. */
  async judge(pictures: readonly Picture[], counts: readonly number[]): Promise<Verdict[]> {
    const fitted = await Promise.all(pictures.map((picture) => resized(picture, looked, looked)))
    const squares = fitted.map(({ rgb }) => ({ rgb, size: looked }))
    const whole = await this.#scene.run({
      picture: batch(
        squares.map((square) => wholePlanes(square, sides.picture)),
        [3, sides.picture, sides.picture],
      ),
    })
    const maps = rowsOf(whole.map!.data as Float32Array, pictures.length)
    const scenes = rowsOf(whole.logits!.data as Float32Array, pictures.length)
    const located = maps.map((map, i) => locate(map, sides.map, counts[i]!))
    const found = located.flatMap(({ characters }, i) =>
      characters.flatMap((mask, character) => {
        const around = mask && squareAround(mask)
        if (!mask || !around) return []
        return [{ i, character, mask, planes: portraitPlanes(squares[i]!, mask, around, sides.portrait) }]
      }),
    )
    const sightings = await this.#portraits(found)
    return located.map(({ all, characters }, i) => ({
      mask: all,
      scene: readings(scenes[i]!, sceneHeads, this.#classes),
      characters: characters.map((_, character) => {
        const at = found.findIndex((one) => one.i === i && one.character === character)
        return at < 0 ? null : sightings[at]!
      }),
    }))
  }

  async #portraits(found: readonly { mask: Mask; planes: Float32Array }[]): Promise<Sighting[]> {
    if (found.length === 0) return []
    const turned = found.map(({ planes }) => mirrored(planes, sides.portrait))
    const { logits, embedding } = await this.#portrait.run({
      portrait: batch([...found.map(({ planes }) => planes), ...turned], [4, sides.portrait, sides.portrait]),
    })
    const answers = rowsOf(logits!.data as Float32Array, 2 * found.length)
    const vectors = rowsOf(embedding!.data as Float32Array, 2 * found.length)
    return found.map(({ mask }, i) => ({
      mask,
      readings: readings(answers[i]!, portraitHeads, this.#classes),
      embedding: vectors[i]!,
      mirrored: vectors[found.length + i]!,
    }))
  }

  async close(): Promise<void> {
    await this.#scene.close()
    await this.#portrait.close()
  }
}

/** The likeliest value of an attribute. */
export function likeliest(of: Readings, name: Attribute): string {
  const probabilities = of[name]
  if (!probabilities) throw new RangeError(`the judge does not read ${name} here`)
  return VOCABULARY[name][probabilities.indexOf(Math.max(...probabilities))]!
}

function readings(logits: Float32Array, heads: readonly Attribute[], classes: Classes): Readings {
  return Object.fromEntries(
    places(heads, classes).map(({ name, from, to }) => [name, softmax(logits.subarray(from, to))]),
  )
}

function softmax(logits: Float32Array): Float32Array {
  const most = Math.max(...logits)
  const powers = logits.map((logit) => Math.exp(logit - most))
  const total = powers.reduce((a, b) => a + b, 0)
  return powers.map((power) => power / total)
}

function batch(rows: readonly Float32Array[], shape: readonly number[]) {
  const size = shape.reduce((a, b) => a * b, 1)
  const data = new Float32Array(rows.length * size)
  for (const [i, row] of rows.entries()) data.set(row, i * size)
  return { data, shape: [rows.length, ...shape] }
}

function rowsOf(data: Float32Array, count: number): Float32Array[] {
  const size = data.length / count
  return Array.from({ length: count }, (_, i) => data.slice(i * size, (i + 1) * size))
}
