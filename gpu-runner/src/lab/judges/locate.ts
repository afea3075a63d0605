/**
 * Characters one by one: each pixel votes for the middle of the character that it belongs to, and votes are grouped into
 * as many characters as there should be (centre offsets as in Panoptic-DeepLab, arXiv:1911.10194). Nothing of what a
 * character looks like is asked, so that where it is cannot lean on an attribute that is scored.
 */
import type { Mask } from '../../story/measures/pictures.ts'

export interface Located {
  /** How much of each cell is any character. */
  readonly all: Mask
  /** One a character that should be there, from the left; null for those that nothing was found of. */
  readonly characters: readonly (Mask | null)[]
}

/** Votes closer than this, in sides of the picture, speak of one character. */
const apart = 0.12
/** Less of the picture than this is no character. */
const least = 0.01
const rounds = 12

/** `map`, [3,side,side], is what `judgeScene` says of one picture. */
export function locate(map: Float32Array, side: number, count: number): Located {
  const cells = side * side
  const presence = map.subarray(0, cells).map((logit) => 1 / (1 + Math.exp(-logit)))
  const all: Mask = { data: presence, side }
  if (count === 0) return { all, characters: [] }
  const votes = Array.from(
    presence,
    (weight, i): Vote => ({
      weight,
      x: ((i % side) + 0.5) / side + map[cells + i]!,
      y: (Math.floor(i / side) + 0.5) / side + map[2 * cells + i]!,
    }),
  )
  const middles = group(
    votes.filter(({ weight }) => weight >= 0.5),
    count,
  )
  const owner = votes.map((vote) => nearest(vote, middles))
  const masks = middles.map((_, k): Mask => ({ data: presence.map((p, i) => (owner[i] === k ? p : 0)), side }))
  const seen = masks.filter(({ data }) => data.filter((p) => p >= 0.5).length >= least * cells)
  return { all, characters: Array.from({ length: count }, (_, k) => seen[k] ?? null) }
}

interface Point {
  x: number
  y: number
}
interface Vote extends Point {
  weight: number
}

/** Weighted k-means from the left to the right; middles that end up together become one. */
function group(votes: readonly Vote[], count: number): Point[] {
  if (votes.length === 0) return []
  const sorted = votes.toSorted((a, b) => a.x - b.x)
  let middles: Point[] = Array.from(
    { length: count },
    (_, k) => sorted[Math.floor(((k + 0.5) / count) * votes.length)]!,
  )
  for (let round = 0; round < rounds; round++)
    middles = middles.map((middle, k) => {
      const own = votes.filter((vote) => nearest(vote, middles) === k)
      const total = own.reduce((sum, { weight }) => sum + weight, 0)
      if (total === 0) return middle
      const mean = (axis: 'x' | 'y') => own.reduce((sum, vote) => sum + vote.weight * vote[axis], 0) / total
      return { x: mean('x'), y: mean('y') }
    })
  const distinct: Point[] = []
  for (const middle of middles.toSorted((a, b) => a.x - b.x))
    if (distinct.every((other) => Math.hypot(other.x - middle.x, other.y - middle.y) >= apart)) distinct.push(middle)
  return distinct
}

function nearest({ x, y }: Point, middles: readonly Point[]): number {
  let [best, at] = [Number.POSITIVE_INFINITY, 0]
  for (const [k, middle] of middles.entries()) {
    const distance = (middle.x - x) ** 2 + (middle.y - y) ** 2
    if (distance < best) [best, at] = [distance, k]
  }
  return at
}
