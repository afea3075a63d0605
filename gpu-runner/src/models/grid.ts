/** The grids of feature maps. */

export interface Grid {
  readonly width: number
  readonly height: number
}

/** The grid of a level: each halves the sides of the one above, rounding up. */
export function levelGrid({ width, height }: Grid, level: number): Grid {
  const halved = (side: number) => Array.from({ length: level }).reduce<number>((rest) => Math.ceil(rest / 2), side)
  return { width: halved(width), height: halved(height) }
}
