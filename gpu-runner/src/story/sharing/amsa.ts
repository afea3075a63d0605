/**
 * Auto-mask self-attention (AMSA, of Storynizor's ID-Synchronizer): which pixels of other images each image attends to.
 * Characters are shared, backgrounds are left alone. An image is a frame of the story, or an anchor.
 */
import type { CharacterMasks } from './masks.ts'

export interface SharedImage {
  /** Of its noise; which of its pixels are left out follows from this too. */
  readonly seed: number
  /** By place in the cast: whether its prompt speaks of the character. */
  readonly depicts: readonly boolean[]
  /** By place in the cast: whether other images attend to this one for the character. */
  readonly anchorFor: readonly boolean[]
  /** An anchor attends to anchors of no later generation; an image that is none attends to all. */
  readonly generation: number
  /** Its latents are given and noised rather than sampled. Such an image attends to no other. */
  readonly isGiven: boolean
}

/**
 * `anchorFor` of each frame: others attend to the first two frames that depict a character which no anchor covers yet,
 * and there to all of its characters that are not covered.
 */
export function chooseAnchors(
  depicts: readonly (readonly boolean[])[],
  covered: readonly boolean[] = [],
): (readonly boolean[])[] {
  const anchors = new Set<number>()
  const cast = depicts[0]?.length ?? 0
  for (let character = 0; character < cast; character++) {
    if (covered[character]) continue
    const depicting = depicts.flatMap((frame, i) => (frame[character] ? [i] : []))
    for (const i of depicting.slice(0, 2)) anchors.add(i)
  }
  return depicts.map((frame, i) => frame.map((here, c) => anchors.has(i) && here && !covered[c]))
}

const isAnchor = ({ anchorFor }: SharedImage) => anchorFor.includes(true)

/** What an anchor looks like must never depend on how many frames, or anchors, come after it. */
function mayAttend(image: SharedImage, to: SharedImage): boolean {
  return image !== to && !image.isGiven && (!isAnchor(image) || to.generation <= image.generation)
}

/** For each image the others that it attends to: anchors for a character that both depict. */
export function attendsTo(images: readonly SharedImage[]): number[][] {
  return images.map((image) =>
    images.flatMap((other, j) =>
      mayAttend(image, other) && image.depicts.some((here, c) => here && other.anchorFor[c]) ? [j] : [],
    ),
  )
}

/**
 * For every image the foreign pixels that join its keys and values, as `image · pixels + pixel`: those of anchors for a
 * character that both depict. Which of them are left out, a share `drop` of 0 … 1 at random, depends on the anchor's
 * seed, the step and the pixel alone, never on who attends, nor on the order of images.
 */
export function foreignPixels(
  images: readonly SharedImage[],
  masks: readonly CharacterMasks[],
  pixels: number,
  { drop, step }: { drop: number; step: number },
): number[][] {
  const shared = images.map(({ anchorFor, seed }, j) => {
    const [low, high] = [seed >>> 0, Math.floor(seed / 2 ** 32)]
    return masks[j]!.map((mask, c) => {
      if (!mask || !anchorFor[c]) return []
      return Array.from(mask.keys()).filter((p) => mask[p] && chance(low, high, pixels, step, p) >= drop)
    })
  })
  return images.map((image) =>
    images.flatMap((other, j) => {
      if (!mayAttend(image, other)) return []
      const common = shared[j]!.flatMap((own, character) => (image.depicts[character] ? own : []))
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
