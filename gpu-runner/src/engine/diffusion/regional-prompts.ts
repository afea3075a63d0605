/**
 * Frames of several characters are read as several prompts, one for each: cut into as many columns of equal width, from
 * the left in the order in which the characters are named, and a pixel attends to the words of its own column alone. So
 * nobody can put on what is said of another. The notes have nothing of the kind; the idea is that of regional prompts
 * (Bar-Tal et al. 2023, arXiv:2302.08113) and bounded attention (Dahary et al. 2024, arXiv:2403.16990).
 */
/** Of latents, or of a feature map. */
interface Grid {
  readonly width: number
  readonly height: number
}

/** Added to scores of words that a pixel does not read; float16 still holds it. */
const hidden = -3e4

/** Up to this timestep, from 1000, identities are shown to whole columns: where in them somebody is, is not decided yet. */
export const layoutStands = 650

/** The column that pixel `x` of `width` is in, by its middle. */
export const columnOf = (x: number, width: number, columns: number): number =>
  Math.min(columns - 1, Math.floor(((x + 0.5) * columns) / width))

/** What a column's prompt begins with, so that it knows of its neighbours; '' for one that has none. */
export function columnWords(column: number, columns: number): string {
  if (columns === 1) return ''
  const side = column === 0 ? 'on the left' : column === columns - 1 ? 'on the right' : 'in the middle'
  return `${side} of ${['two', 'three'][columns - 2] ?? 'many'} ,`
}

/** For rows of so many columns what their pixels read of P prompts, [N,1,S,P]: 0, or far below 0 where it is hidden. */
export function columnReads(columns: readonly number[], prompts: number, { width, height }: Grid): Float32Array {
  const reads = new Float32Array(columns.length * width * height * prompts).fill(hidden)
  for (const [row, count] of columns.entries())
    for (let p = 0; p < width * height; p++)
      reads[(row * width * height + p) * prompts + columnOf(p % width, width, count)] = 0
  return reads
}

/** The share of each pixel that column `column` covers where it is cut by middles: 1 or 0, on the grid. */
export function columnMask(column: number, columns: number, { width, height }: Grid): Float32Array {
  return Float32Array.from({ length: width * height }, (_, p) => Number(columnOf(p % width, width, columns) === column))
}

/** For each of `prompts` prompts of `length` tokens, one after the other, the number of its prompt. */
export const promptOfToken = (prompts: number, length: number): BigInt64Array =>
  BigInt64Array.from({ length: prompts * length }, (_, t) => BigInt(Math.floor(t / length)))
