/** The consistency report of a story, from what was seen in its frames: plain data in, plain data out. */
import type { ConsistencyReport } from '../../../../contract/consistency.ts'
import { type Logistic, sameness } from '../measures/likeness.ts'
import { backgroundDistance, copyPaste, mean, meanOverPairs, poseDistance } from '../measures/metrics.ts'
import type { Mask } from '../measures/pictures.ts'
import { cosine } from '../measures/verification.ts'

/** One character in one picture. Vectors are centred and of length 1; null where the model has none to give. */
export interface Sighting {
  readonly mask: Mask
  readonly likeness: Float32Array | null
  /** Of the mirror image; only where there are references to compare it with. */
  readonly mirrored: Float32Array | null
}

/** By place in the cast; null where the character is not, or hardly seen. */
export type Sightings = readonly (Sighting | null)[]

export interface SeenFrame {
  readonly index: number
  readonly redraws: number
  readonly characters: Sightings
  /** [3,side,side] in −1 … 1, on the grid of the masks. */
  readonly planes: Float32Array
  /** Where it shows no background: characters, and what makes it square. */
  readonly mask: Mask
  /** Cells of the picture itself. */
  readonly cells: number
}

export interface Known {
  /** Ids, in the order of the cast. */
  readonly cast: readonly string[]
  /** Of each of the cast: its reference pictures. */
  readonly references: readonly (readonly Float32Array[])[]
  /** In pictures of the cast that are none of the frames: anchors of a bank, or handed over. */
  readonly anchors: readonly Sightings[]
  /** From cosines to probabilities; null where nothing is known of them. */
  readonly curve: Logistic | null
}

/** Of each of the cast in one frame, against all other pictures of it. */
function characterScores(frame: Sightings, others: readonly Sightings[], { cast, curve }: Known) {
  return cast.map((_, c) =>
    similar(
      frame[c],
      others.flatMap((other) => other[c]?.likeness ?? []),
      curve,
    ),
  )
}

/** A frame is as good as the character that is least alike. */
export function frameScore(frame: Sightings, others: readonly Sightings[], known: Known): number | null {
  const own = characterScores(frame, others, known)
  const scores = own.flatMap((score, c) => score ?? toReferences(frame[c], c, known) ?? [])
  return scores.length === 0 ? null : Math.min(...scores)
}

/** All pictures of the cast but this frame's own. */
export const othersOf = (frames: readonly SeenFrame[], at: SeenFrame, { anchors }: Known): Sightings[] => [
  ...frames.filter((frame) => frame !== at).map(({ characters }) => characters),
  ...anchors,
]

export function reportOf(frames: readonly SeenFrame[], known: Known, warnings: readonly string[]): ConsistencyReport {
  const checks = frames.map((frame) => {
    const others = othersOf(frames, frame, known)
    const scores = characterScores(frame.characters, others, known)
    return {
      index: frame.index,
      score: rounded(frameScore(frame.characters, others, known)),
      redraws: frame.redraws,
      characters: known.cast.flatMap((id, c) => {
        const sighting = frame.characters[c]
        if (!sighting) return []
        const area = round(sighting.mask.data.reduce((sum, value) => sum + value, 0) / frame.cells)
        const to = rounded(toReferences(sighting, c, known))
        return [{ id, score: rounded(scores[c]!), to_references: to, area }]
      }),
    }
  })
  const copies = frames.flatMap(({ characters }) => characters.flatMap((one, c) => copied(one, c, known)))
  const poses = known.cast.flatMap((_, c) => {
    const masks = frames.flatMap(({ characters }) => characters[c]?.mask ?? [])
    return meanOverPairs(masks, poseDistance) ?? []
  })
  return {
    score: rounded(mean(checks.flatMap(({ score }) => score ?? []))),
    copy_paste: rounded(mean(copies)),
    pose_diversity: rounded(mean(poses)),
    background_diversity: rounded(meanOverPairs(frames, backgroundDistance)),
    frames: checks,
    warnings: [...warnings],
  }
}

function toReferences(sighting: Sighting | null | undefined, c: number, { references, curve }: Known): number | null {
  return similar(sighting, references[c] ?? [], curve)
}

function similar(
  sighting: Sighting | null | undefined,
  others: readonly Float32Array[],
  curve: Logistic | null,
): number | null {
  const own = sighting?.likeness
  return own && curve ? mean(others.map((other) => sameness(cosine(own, other), curve))) : null
}

/** For each reference whether the sighting is nearer to it than its mirror image is. */
function copied(sighting: Sighting | null, c: number, { references }: Known): number[] {
  const { likeness, mirrored } = sighting ?? {}
  if (!likeness || !mirrored) return []
  return (references[c] ?? []).map((reference) => copyPaste(cosine(likeness, reference), cosine(mirrored, reference)))
}

const round = (value: number) => Math.round(value * 1000) / 1000
const rounded = (value: number | null) => (value === null ? null : round(value))
