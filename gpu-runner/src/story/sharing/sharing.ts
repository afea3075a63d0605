/** Which pixels of other frames each frame attends to: characters shared, backgrounds left alone. */
import type { FrameMasks } from './masks.ts'

/** A frame as the others see it: one of the story, or an anchor of a character bank. */
export interface SharingRow {
  /** Of its noise; what is left out of it follows from this too. */
  readonly seed: number
  /** For each character, whether frames look at it there; of an anchor only. */
  readonly shows: readonly boolean[]
  /** Anchors look at anchors that are no younger than they are; frames that are none look at all. */
  readonly generation: number
  /** One whose latents are given looks at nobody. */
  readonly isGiven: boolean
}

/**
 * For each frame of a story, for each character, whether others look at it there: at the first two frames that contain
 * a character which no anchor shows yet. Such a frame shows all of its characters that are new.
 */
export function chooseAnchors(
  present: readonly (readonly boolean[])[],
  covered: readonly boolean[] = [],
): (readonly boolean[])[] {
  const anchors = new Set<number>()
  const cast = present[0]?.length ?? 0
  for (let character = 0; character < cast; character++) {
    if (covered[character]) continue
    const containing = present.flatMap((frame, i) => (frame[character] ? [i] : []))
    for (const i of containing.slice(0, 2)) anchors.add(i)
  }
  return present.map((frame, i) => frame.map((here, c) => anchors.has(i) && here && !covered[c]))
}

const isAnchor = ({ shows }: SharingRow) => shows.includes(true)

/** What an anchor looks like must never depend on how many frames, or anchors, come after it. */
function mayLook(row: SharingRow, at: SharingRow): boolean {
  return row !== at && !row.isGiven && (!isAnchor(row) || at.generation <= row.generation)
}

/** For each row the others that it attends to: anchors that show a character which is in both. */
export function looksAt(present: readonly (readonly boolean[])[], rows: readonly SharingRow[]): number[][] {
  return rows.map((row, i) =>
    rows.flatMap((other, j) =>
      mayLook(row, other) && present[i]!.some((here, c) => here && other.shows[c]) ? [j] : [],
    ),
  )
}

/**
 * For every row the foreign pixels that join its keys and values, as `row · pixels + pixel`: those of anchors that show
 * a character which is in both. Which of them are left out, a share `drop` of 0 … 1 at random, depends on the anchor's
 * seed, step and pixel alone, never on who looks, nor on the order of rows.
 */
export function foreignPixels(
  masks: readonly FrameMasks[],
  present: readonly (readonly boolean[])[],
  rows: readonly SharingRow[],
  pixels: number,
  { drop, step }: { drop: number; step: number },
): number[][] {
  const shown = masks.map((frame, j) => {
    const { shows, seed } = rows[j]!
    const [low, high] = [seed >>> 0, Math.floor(seed / 2 ** 32)]
    return frame.map((mask, c) => {
      if (!mask || !shows[c]) return []
      return Array.from(mask.keys()).filter((p) => mask[p] && chance(low, high, pixels, step, p) >= drop)
    })
  })
  return rows.map((row, i) =>
    rows.flatMap((other, j) => {
      if (!mayLook(row, other)) return []
      const common = shown[j]!.flatMap((own, character) => (present[i]![character] ? own : []))
      return [...new Set(common)].map((pixel) => j * pixels + pixel)
    }),
  )
}

/** A number in [0, 1) for these integers (murmur3's finaliser over their mix). */
export function chance(...values: number[]): number {
  let h = 0x9747b28c
  for (const value of values) {
    h = Math.imul(h ^ value, 0xcc9e2d51)
    h ^= h >>> 15
    h = Math.imul(h, 0x85ebca6b)
    h ^= h >>> 13
  }
  h = Math.imul(h ^ (h >>> 16), 0xc2b2ae35)
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32
}
