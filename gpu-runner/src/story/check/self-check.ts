/** Checks the frames of a story as they are finished, and says how consistent they are. */
import type { ConsistencyReport } from '../../../../contract/consistency.ts'
import type { Picture } from '../../engine/io/png.ts'
import type { Grid } from '../../engine/pipeline/attention-plan.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { centred } from '../measures/likeness.ts'
import { wholePlanes } from '../measures/pictures.ts'
import { checkSheet } from '../page/check-sheet.ts'
import type { PreparedReferences } from '../references/references.ts'
import type { CharacterMasks } from '../sharing/masks.ts'
import { frameScore, type Known, othersOf, reportOf, type SeenFrame, type Sightings } from './consistency.ts'
import { cutAlong, squareMask, squarePicture, tokensOf } from './likeness.ts'

/** Side in pixels of what is cut out, as for reference pictures. */
const side = 128

export interface CheckOptions {
  readonly cast: readonly { readonly id: string; readonly name: string }[]
  /** Of the masks. */
  readonly grid: Grid
  readonly references: PreparedReferences | null
}

interface Shown extends SeenFrame {
  readonly picture: Picture
}

export class SelfCheck {
  readonly #pipeline: Pipeline
  readonly #options: CheckOptions
  readonly #known: Known & { anchors: Sightings[] }
  readonly #frames = new Map<number, Shown>()

  constructor(pipeline: Pipeline, options: CheckOptions) {
    const { cast, references } = options
    const calibration = pipeline.identity?.calibration ?? null
    this.#pipeline = pipeline
    this.#options = options
    this.#known = {
      cast: cast.map(({ id }) => id),
      references: cast.map((_, c) =>
        calibration
          ? (references?.cast[c]?.whole ?? []).map((i) => centred(references!.tokens[i]!, calibration.mean))
          : [],
      ),
      anchors: [],
      curve: calibration,
    }
  }

  /** Whether it can distinguish characters. */
  get canScore(): boolean {
    return this.#known.curve !== null
  }

  /** A picture of some of the cast that is none of the frames. */
  async seeAnchor(picture: Picture, masks: CharacterMasks): Promise<void> {
    this.#known.anchors.push((await this.#look(picture, masks)).characters)
  }

  async see(index: number, picture: Picture, masks: CharacterMasks, redraws = 0): Promise<void> {
    this.#frames.set(index, { index, redraws, ...(await this.#look(picture, masks)) })
  }

  /** Null where there is nothing to compare the frame with. */
  score(index: number): number | null {
    return this.#scoreOf(this.#frames.get(index)!)
  }

  /** Take another picture in place of a frame's if it scores higher; says whether it did. */
  async improve(index: number, picture: Picture, masks: CharacterMasks): Promise<boolean> {
    const known = this.#frames.get(index)!
    const redraws = known.redraws + 1
    const other = { index, redraws, ...(await this.#look(picture, masks)) }
    const before = this.#scoreOf(known)
    this.#frames.set(index, other)
    const better = (this.#scoreOf(other) ?? 0) > (before ?? 0)
    if (!better) this.#frames.set(index, { ...known, redraws })
    return better
  }

  async report(minScore: number | undefined): Promise<{ report: ConsistencyReport; sheet: Uint8Array<ArrayBuffer> }> {
    const frames = [...this.#frames.values()].sort((a, b) => a.index - b.index)
    const report = reportOf(frames, this.#known, this.#warnings(frames, minScore))
    return { report, sheet: new Uint8Array(await checkSheet(frames, report, this.#options)) }
  }

  #warnings(frames: readonly SeenFrame[], minScore: number | undefined): string[] {
    if (minScore === undefined) return []
    if (!this.canScore)
      return [
        `${this.#pipeline.name} cannot tell characters apart (no consistency.safetensors): min_score had no effect`,
      ]
    const scores = frames.map((frame) => [frame.index, this.#scoreOf(frame)] as const)
    if (scores.every(([, score]) => score === null))
      return ['no character is seen in two frames, and none has references: min_score had no effect']
    const low = scores.flatMap(([index, score]) => (score !== null && score < minScore ? [index] : []))
    return low.length === 0 ? [] : [`below min_score ${minScore}: frame ${low.join(', ')}`]
  }

  #scoreOf(frame: SeenFrame): number | null {
    return frameScore(frame.characters, othersOf([...this.#frames.values()], frame, this.#known), this.#known)
  }

  async #look(picture: Picture, masks: CharacterMasks) {
    const { grid, cast } = this.#options
    const squares = cast.map((_, c) => {
      const mask = masks[c]
      return mask?.includes(1) ? squareMask(mask, grid) : null
    })
    const { identity } = this.#pipeline
    const calibration = this.#known.curve && identity?.calibration
    const cuts = squares.map((mask) => (mask && calibration ? cutAlong(picture, mask, side) : null))
    const seen = cuts.flatMap((cut, c) => (cut ? [{ cut, c }] : []))
    const referred = seen.filter(({ c }) => this.#known.references[c]!.length > 0)
    const encoded = async (of: typeof seen, mirrored: boolean) => {
      if (!identity || !calibration) return new Map<number, Float32Array>()
      const tokens = await tokensOf(
        identity,
        of.map(({ cut }) => cut),
        { mirrored },
      )
      return new Map(tokens.map((own, i) => [of[i]!.c, centred(own, calibration.mean)]))
    }
    const [likenesses, mirrors] = [await encoded(seen, false), await encoded(referred, true)]
    const characters: Sightings = squares.map(
      (mask, c) => mask && { mask, likeness: likenesses.get(c) ?? null, mirrored: mirrors.get(c) ?? null },
    )
    const length = Math.max(grid.width, grid.height)
    const data = Float32Array.from({ length: length ** 2 }, (_, i) => {
      const outside = i % length >= grid.width || Math.floor(i / length) >= grid.height
      return Number(outside || squares.some((mask) => mask && mask.data[i]! >= 0.5))
    })
    const planes = wholePlanes(squarePicture(picture), length)
    return { picture, characters, planes, mask: { data, side: length }, cells: grid.width * grid.height }
  }
}
