/**
 * Regional prompting: a frame of several characters has one prompt for each. The frame is divided into as many regions
 * of equal width, from the left in the order in which the characters are named, and each pixel attends to the words of
 * its own region alone, so that clothes and colours do not pass from one character to another. The idea is that of
 * MultiDiffusion's region-based generation (Bar-Tal et al. 2023, arXiv:2302.08113) and bounded attention (Dahary et al.
 * 2024, arXiv:2403.16990); to cut by column is ours.
 */

/** Of latents, or of a feature map. */
interface Grid {
  readonly width: number
  readonly height: number
}

/** Added to the scores of words that a pixel does not attend to; float16 still holds it. */
const maskedScore = -3e4

/**
 * The timestep, from 1000 down, at which a frame's layout is decided. Before it, it is unknown where in a region its
 * character will be, and an identity goes to the whole region.
 */
export const layoutTimestep = 650

/** The region that the pixels of column `x` of `width` belong to, by their middle. */
export const promptRegionOf = (x: number, width: number, regions: number): number =>
  Math.min(regions - 1, Math.floor(((x + 0.5) * regions) / width))

/**
 * What is added to the scores of each of P prompts at each pixel, [N,1,S,P], for rows of so many regions: 0 for the prompts
 * of the pixel's own region, far below 0 for the others. `owners` are the regions of each row's prompts; left out, each
 * region has one, in their order.
 */
export function promptBias(
  regions: readonly number[],
  prompts: number,
  { width, height }: Grid,
  owners: readonly (readonly number[])[] = regions.map((count) => [...Array(count).keys()]),
): Float32Array {
  const bias = new Float32Array(regions.length * width * height * prompts).fill(maskedScore)
  for (const [row, count] of regions.entries())
    for (let p = 0; p < width * height; p++) {
      const region = promptRegionOf(p % width, width, count)
      for (const [i, owner] of owners[row]!.entries())
        if (owner === region) bias[(row * width * height + p) * prompts + i] = 0
    }
  return bias
}

/** 1 for the pixels of one region, else 0. */
export function promptRegionMask(region: number, regions: number, { width, height }: Grid): Float32Array {
  return Float32Array.from({ length: width * height }, (_, p) =>
    Number(promptRegionOf(p % width, width, regions) === region),
  )
}

/** For each of `prompts` prompts of `length` tokens, one after the other, the number of its prompt. */
export const promptOfToken = (prompts: number, length: number): BigInt64Array =>
  BigInt64Array.from({ length: prompts * length }, (_, t) => BigInt(Math.floor(t / length)))
