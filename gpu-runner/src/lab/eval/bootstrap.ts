/** Intervals of means over stories, by the percentile bootstrap (Efron and Tibshirani, 1993). */
import { random } from '../storydb/random.ts'

export interface Estimate {
  value: number
  low: number
  high: number
}

/** One story's share of a mean: its sum over so many observations, which weigh the same wherever they come from. */
export interface Tally {
  sum: number
  count: number
}

/**
 * Mean over all observations and its 95 % interval, for which whole stories are drawn again with replacement: the frames of a
 * story depend on each other. Null where nothing was observed.
 */
export function bootstrap(stories: readonly Tally[], { resamples = 2000, seed = 1 } = {}): Estimate | null {
  const counted = stories.filter(({ count }) => count > 0)
  if (counted.length === 0) return null
  const draw = random(seed, 0x626f6f74)
  const means = Float64Array.from({ length: resamples }, () => ratio(counted.map(() => draw.pick(counted)))).sort()
  const at = (share: number) => means[Math.min(resamples - 1, Math.floor(share * resamples))]!
  return { value: ratio(counted), low: at(0.025), high: at(0.975) }
}

function ratio(stories: readonly Tally[]): number {
  let [sum, count] = [0, 0]
  for (const story of stories) {
    sum += story.sum
    count += story.count
  }
  return sum / count
}
