/** Regional prompting in a graph: what keeps the pixels of each region to the words of its own prompt. */
import { promptBias } from '../diffusion/regional-prompts.ts'
import { groupBias } from '../graph/attention.ts'
import { type Dim, input, type Value } from '../graph/value.ts'
import type { HostTensor } from '../runtime/tensor.ts'
import { type Grid, levelGrid } from './attention-plan.ts'

export interface RegionalInputs {
  /** N and P: rows of the batch, and prompts that each row has side by side. */
  readonly batch: Dim
  readonly prompts: Dim
  /** int64[T]: the prompt of each token. */
  readonly promptOf: Value
}

const inputName = (level: number) => `promptBias${level}`

/** For a level of the UNet with so many pixels, the bias of its cross-attention, [N,1,S,T]: one input for all its layers. */
export function regionalBiases({ batch, prompts, promptOf }: RegionalInputs): (level: number, pixels: Dim) => Value {
  const made = new Map<number, Value>()
  return (level, pixels) => {
    const bias = made.get(level) ?? groupBias(input(inputName(level), [batch, 1, pixels, prompts]), promptOf)
    made.set(level, bias)
    return bias
  }
}

export interface RegionalFeeds {
  /** For each row the region of each of its prompts. */
  readonly owners: readonly (readonly number[])[]
  readonly prompts: number
  /** Of the latents. */
  readonly grid: Grid
  readonly levels: readonly number[]
}

/** What those inputs are fed for rows of so many regions. */
export function regionalFeeds(
  regions: readonly number[],
  { owners, prompts, grid: finest, levels }: RegionalFeeds,
): Record<string, HostTensor> {
  const feeds: Record<string, HostTensor> = {}
  for (const level of levels) {
    const grid = levelGrid(finest, level)
    const shape = [regions.length, 1, grid.width * grid.height, prompts]
    feeds[inputName(level)] = { data: promptBias(regions, prompts, grid, owners), shape }
  }
  return feeds
}
