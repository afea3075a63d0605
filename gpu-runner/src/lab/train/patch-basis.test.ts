import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertClose, evaluate } from '../../../../test/gradient.ts'
import { input } from '../../engine/graph/value.ts'
import { rgbPlanes } from '../../engine/io/pixels.ts'
import { AutoencoderTinyConfig, decodeTiny, encodeTiny } from '../../engine/models/autoencoder-tiny.ts'
import { randomFrames } from '../storydb/frames.ts'
import { renderFrame } from '../storydb/render.ts'
import { allocate, ParameterSet } from './parameters.ts'
import { channelScales, patchBasis, writePatchEncoder } from './patch-basis.ts'
import { recipes } from './recipes.ts'

const [size, count] = [32, 4]
const basis = patchBasis(1, 12, [1], size, count)

test('components are orthonormal, strongest first', () => {
  for (const [i, a] of basis.components.entries())
    for (const [j, b] of basis.components.entries()) {
      const dot = a.reduce((sum, x, k) => sum + x * b[k]!, 0)
      assert.ok(Math.abs(dot - Number(i === j)) < 1e-6, `${i}·${j} = ${dot}`)
    }
  assert.deepEqual(
    basis.variances,
    basis.variances.toSorted((a, b) => b - a),
  )
})

test('the convolutions of AutoencoderTiny compute exactly the projections onto the components', async () => {
  const config = AutoencoderTinyConfig.parse(recipes.tiny!.autoencoder.config)
  const parameters = new ParameterSet()
  const image = input('image', [1, 3, size, size])
  const latent = encodeTiny(image, parameters.weights(''), config)
  decodeTiny(latent, new ParameterSet().weights(''), config)
  const data = allocate(parameters.list())
  writePatchEncoder((name) => data.tensors[`encoder.${name}`]!.data, basis, config.encoderChannels[0]!)
  const { rgb } = renderFrame(randomFrames(9, 0, 1, { level: 1, split: 'train' })[0]!, size)
  const picture = rgbPlanes([rgb], { width: size, height: size })
  const { data: got } = (await evaluate({ latent }, { ...data.tensors, image: picture })).latent!

  const pixels = picture.data
  const scales = channelScales(basis.variances)
  const want = new Float32Array(got.length)
  const side = size / 8
  for (let k = 0; k < count; k++)
    for (let cell = 0; cell < side * side; cell++) {
      let sum = 0
      for (let i = 0; i < 192; i++) {
        const [c, y, x] = [Math.floor(i / 64), Math.floor(i / 8) % 8, i % 8]
        const [row, column] = [Math.floor(cell / side) * 8 + y, (cell % side) * 8 + x]
        sum += (pixels[(c * size + row) * size + column]! - basis.mean[i]!) * basis.components[k]![i]!
      }
      want[k * side * side + cell] = sum * scales[k]!
    }
  assertClose(got, want, 1e-4)
})

test('latents have a mean variance of one', () => {
  const variances = basis.variances.map((variance, k) => variance * channelScales(basis.variances)[k]! ** 2)
  assert.ok(Math.abs(variances.reduce((a, b) => a + b, 0) / count - 1) < 1e-9)
})

test('an encoder too narrow for a quarter of a patch is refused', () => {
  assert.throws(() => writePatchEncoder(() => new Float32Array(1e6), basis, 32), /32 channels, a 4×4 patch takes 48/)
})
