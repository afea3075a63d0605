/**
 * `npm run bench:engine`: how fast a checkpoint in diffusers layout opens and samples, as JSON. A step is one call of the
 * UNet for all frames with classifier-free guidance; its arithmetic is set against matrix products timed in the same run.
 */
import { type Command, command, sentenceOf } from '../gpu-runner/src/cli/command.ts'
import { progressBar } from '../gpu-runner/src/cli/progress.ts'
import { countFlops } from '../gpu-runner/src/engine/graph/flops.ts'
import { input } from '../gpu-runner/src/engine/graph/value.ts'
import { unet } from '../gpu-runner/src/engine/models/unet.ts'
import { viewOf } from '../gpu-runner/src/engine/nn/weights.ts'
import { encodeConditioning, promptIds } from '../gpu-runner/src/engine/pipeline/conditioning.ts'
import { openPipeline } from '../gpu-runner/src/engine/pipeline/open.ts'
import { isDevice } from '../gpu-runner/src/engine/runtime/device.ts'
import { withHugePages } from '../gpu-runner/src/engine/runtime/huge-pages.ts'
import { matmulPeak } from '../gpu-runner/src/engine/runtime/peak.ts'
import { useThreads } from '../gpu-runner/src/engine/runtime/threads.ts'
import { busyCores, machineFigures } from './machine.ts'

const cli: Command = command(
  'bench:engine',
  `usage: npm run bench:engine -- --checkpoint <folder> [--size 512x512] [--frames N] [--steps N]
         [--device cpu|webgpu|cuda] [--threads N]`,
)
withHugePages()
const { checkpoint, device, frames, steps, width, height } = readOptions()
const show = progressBar('bench:engine', steps + 2)
const written = process.resourceUsage().fsWrite
const from = performance.now()
const pipeline = await openPipeline(checkpoint, { device }).catch((error: Error) => cli.fail(sentenceOf(error), 1))
const compileSeconds = (performance.now() - from) / 1000
show(1, 'open')

const { denoiser, text } = pipeline
const { factor } = pipeline.autoencoder
const grid = { width: width / factor, height: height / factor }
const prompts = Array.from({ length: frames }, (_, i) => promptIds(`a fox walks through scene ${i}`, text))
const conditioning = await encodeConditioning(pipeline, { prompts, negatives: null, size: [height, width] })
const latent = Float32Array.from({ length: denoiser.config.inChannels * grid.width * grid.height }, (_, i) =>
  Math.sin(i),
)
const rows = [...conditioning.unconditional!, ...conditioning.conditional].map((row) => ({ ...row, latent }))
const seconds: number[] = []
let busy = busyCores()
let firstStepSeconds = 0
for (let step = 0; step <= steps; step++) {
  const begun = performance.now()
  await denoiser.run({ rows, grid, timestep: 999 - step })
  if (step === 0) {
    firstStepSeconds = performance.now() / 1000
    busy = busyCores()
  } else seconds.push((performance.now() - begun) / 1000)
  show(step + 2, step === 0 ? 'first step' : `${seconds.at(-1)!.toFixed(2)} s a step`)
}
const cores = busy()
const peakRssBytes = process.resourceUsage().maxRSS * 1024
const bytesWritten = (process.resourceUsage().fsWrite - written) * 512
await pipeline.release()
const matmulPeakGflops = await matmulPeak()
const stepSeconds = seconds.toSorted((a, b) => a - b)[seconds.length >> 1]!
const flops = stepFlops()
const gflops = flops / stepSeconds / 1e9
console.log(
  JSON.stringify(
    {
      checkpoint: pipeline.name,
      kind: pipeline.kind,
      device,
      ...machineFigures(),
      ...cores,
      width,
      height,
      frames,
      rows: rows.length,
      steps,
      compileSeconds,
      firstStepSeconds,
      stepSeconds,
      firstStepBeyondOneStepSeconds: firstStepSeconds - stepSeconds,
      gflopPerStep: flops / 1e9,
      gflops,
      matmulPeakGflops,
      shareOfMatmulPeak: gflops / matmulPeakGflops,
      peakRssBytes,
      bytesWritten,
    },
    null,
    2,
  ),
)

/** Floating-point operations of a plain call of the UNet for all rows. */
function stepFlops(): number {
  const { config } = denoiser
  const n = rows.length
  const inputs = {
    sample: input('sample', [n, config.inChannels, grid.height, grid.width]),
    timestep: input('timestep', [n]),
    context: input('context', [n, text.length, text.width]),
    ...(pipeline.takesSizes && {
      textEmbeds: input('textEmbeds', [n, text.pooledWidth]),
      timeIds: input('timeIds', [n, 6]),
    }),
  }
  return countFlops([unet(inputs, viewOf({ has: () => false, get: (name, shape) => input(name, shape) }), config)])
}

function readOptions() {
  const { values } = cli.read({
    checkpoint: { type: 'string' },
    size: { type: 'string', default: '512x512' },
    frames: { type: 'string', default: '1' },
    steps: { type: 'string', default: '5' },
    device: { type: 'string', default: 'cpu' },
    threads: { type: 'string' },
  })
  if (!values.checkpoint) return cli.fail('--checkpoint <folder> is missing')
  const size = /^(\d+)x(\d+)$/.exec(values.size)
  if (!size) return cli.fail(`--size must be such as 512x512, not '${values.size}'`)
  if (!isDevice(values.device)) return cli.fail(`--device must be cpu, webgpu or cuda, not '${values.device}'`)
  try {
    useThreads(values.threads)
  } catch (error) {
    cli.fail(sentenceOf(error))
  }
  return {
    checkpoint: values.checkpoint,
    device: values.device,
    frames: cli.whole('frames', values.frames, 1),
    steps: cli.whole('steps', values.steps, 1),
    width: Number(size[1]),
    height: Number(size[2]),
  }
}
