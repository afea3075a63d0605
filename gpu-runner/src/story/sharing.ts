/** Which pixels of other frames each frame attends to: characters shared, backgrounds left alone. */
import type { FrameMasks } from './masks.ts'

export interface SharingOptions {
  /** Share of a foreign character's pixels that are left out at random, 0 … 1. */
  drop: number
  seed: number
  step: number
}

/**
 * Frames that others may look at: for each character the first two that contain it. Anchors look at anchors, the others
 * at anchors only, so that what an anchor looks like never depends on how many frames come after it.
 */
export function chooseAnchors(present: readonly (readonly boolean[])[]): boolean[] {
  const anchors = present.map(() => false)
  const cast = present[0]?.length ?? 0
  for (let character = 0; character < cast; character++) {
    const containing = present.flatMap((frame, i) => (frame[character] ? [i] : []))
    for (const i of containing.slice(0, 2)) anchors[i] = true
  }
  return anchors
}

/** For each frame the others that it attends to: anchors that show a character which is in both. */
export function looksAt(present: readonly (readonly boolean[])[], anchors: readonly boolean[]): number[][] {
  return present.map((frame, i) =>
    present.flatMap((other, j) => (j !== i && anchors[j] && frame.some((here, c) => here && other[c]) ? [j] : [])),
  )
}

/**
 * For every frame the foreign pixels that join its keys and values, as `frame · pixels + pixel`: those of anchors that
 * show a character which is in both frames. Which of them are left out depends on seed, step, anchor and pixel alone,
 * never on who looks.
 */
export function foreignPixels(
  masks: readonly FrameMasks[],
  anchors: readonly boolean[],
  pixels: number,
  { drop, seed, step }: SharingOptions,
): number[][] {
  const shown = masks.map((frame, j) => {
    if (!anchors[j]) return []
    const kept: number[][] = frame.map((mask) => {
      if (!mask) return []
      return Array.from(mask.keys()).filter((pixel) => mask[pixel] && chance(seed, j, pixels, step, pixel) >= drop)
    })
    return kept
  })
  return masks.map((frame, i) =>
    shown.flatMap((characters, j) => {
      if (j === i) return []
      const common = characters.flatMap((own, character) => (frame[character] ? own : []))
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
