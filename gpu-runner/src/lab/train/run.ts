/** The loop around a trainer: feeds it for so many minutes, saves, measures, and says how it goes. */
import { matmulPeak } from '../../engine/runtime/peak.ts'
import { type Random, randomAt } from './random.ts'
import type { Feeds } from './replicas.ts'
import type { StepReport, Trainer } from './trainer.ts'

export interface RunOptions {
  trainer: Trainer
  seed: number
  /** Samples in a step. */
  batch: number
  /** Stop after this many minutes, or `steps` in all. */
  minutes: number
  steps: number
  /** What each piece of a step is fed; made while the step before runs. */
  feeds: (step: number, random: Random) => Promise<readonly Feeds[]>
  /** Called every `sheetMinutes` and at the end to draw and measure; what it returns goes into the log. */
  sheet: () => Promise<Record<string, number>>
  sheetMinutes?: number
  signal: AbortSignal
}

export interface RunReport extends StepReport {
  /** Mean loss of the last hundred steps or so. */
  smoothLoss: number
  samplesPerSecond: number
  gflops: number
  /** Share of the matmul peak of this machine, measured when the run began. */
  peakShare: number
  /** Of the time or the steps allowed, whichever is further. */
  fraction: number
}

const minute = 60_000
/** Of the matrix products of this machine, measured once. */
let machinePeak: Promise<number> | undefined

export async function* runTraining(options: RunOptions): AsyncGenerator<RunReport, void> {
  const { trainer, seed, batch, minutes, steps, signal, sheetMinutes = 5 } = options
  if (trainer.step >= steps)
    throw new RangeError(`step ${trainer.step} is reached already: nothing is left to train up to step ${steps}`)
  const peak = await (machinePeak ??= matmulPeak())
  const start = performance.now()
  const firstStep = trainer.step
  let last: Record<string, number> = { step: firstStep, samples: firstStep * batch }
  let [saved, drawn, smoothLoss, stepSeconds, stepFlops] = [start, start, 0, 0, 0]
  const feedsOf = (step: number) => options.feeds(step, randomAt(seed, step))
  let next = feedsOf(firstStep)
  while (trainer.step < steps && performance.now() - start < minutes * minute && !signal.aborted) {
    const from = performance.now()
    const running = trainer.train(await next)
    next = feedsOf(trainer.step + 1)
    const report = await running
    if (!Number.isFinite(report.loss)) throw new RangeError(`the loss is ${report.loss} at step ${report.step}`)
    const now = performance.now()
    const done = trainer.step - firstStep
    smoothLoss += (report.loss - smoothLoss) / Math.min(done, 100)
    stepSeconds += ((now - from) / 1e3 - stepSeconds) / Math.min(done, 100)
    stepFlops += (report.flops - stepFlops) / Math.min(done, 100)
    const gflops = stepFlops / stepSeconds / 1e9
    const fraction = Math.max(trainer.step / steps, (now - start) / (minutes * minute))
    yield { ...report, smoothLoss, samplesPerSecond: batch / stepSeconds, gflops, peakShare: gflops / peak, fraction }
    if (now - saved > 2 * minute) {
      trainer.save()
      saved = now
    }
    last = { step: report.step, samples: report.step * batch, loss: smoothLoss, gflops, peakShare: gflops / peak }
    if (now - drawn > sheetMinutes * minute) {
      trainer.log({ ...last, ...(await options.sheet()) })
      drawn = performance.now()
    }
  }
  await next
  trainer.save()
  trainer.log({ ...last, ...(await options.sheet()) })
}
