import { test } from 'node:test'
import { assertClose, checkGradient, evaluate, randn } from '../../../../test/gradient.ts'
import { constant, input } from '../../engine/graph/value.ts'
import { maskPerceptualLoss, partLoss, partTargets } from './segmenter.ts'

const [b, side] = [2, 4]
const shapes = [
  [b, 3, side, side],
  [b, 5, side / 2, side / 2],
]

/** Half-covered on the left, nothing on the right, and the other way round in the second picture. */
const mask = Float32Array.from({ length: b * side * side }, (_, p) => Number(p % side < 2 !== p >= side * side) * 0.5)

test('the mask perceptual loss is the distance of features inside the mask, for each sample', async () => {
  const drawn = shapes.map((shape, l) => randn(shape, l + 1))
  const real = shapes.map((shape, l) => randn(shape, l + 11))
  const named = (name: string) => shapes.map((shape, l) => input(name + l, shape))
  const loss = maskPerceptualLoss(named('d'), named('r'), constant(mask, [b, 1, side, side]))
  const got = await evaluate({ loss }, { d0: drawn[0]!, d1: drawn[1]!, r0: real[0]!, r1: real[1]! })
  const want = [0, 0]
  for (let i = 0; i < b; i++)
    for (const [l, shape] of shapes.entries()) {
      const [, channels, h] = shape as [number, number, number]
      const block = side / h
      let [distance, area] = [0, 0]
      for (let y = 0; y < h; y++)
        for (let x = 0; x < h; x++) {
          let m = 0
          for (let dy = 0; dy < block; dy++)
            for (let dx = 0; dx < block; dx++) m += mask[(i * side + y * block + dy) * side + x * block + dx]!
          m /= block ** 2
          area += m
          for (let c = 0; c < channels; c++) {
            const at = ((i * channels + c) * h + y) * h + x
            distance += ((drawn[l]!.data[at]! - real[l]!.data[at]!) * m) ** 2
          }
        }
      want[i]! += distance / (channels * area + 1)
    }
  assertClose(got.loss!.data, want, 1e-4)
})

test('its gradient agrees with finite differences', () =>
  checkGradient((x, y) => maskPerceptualLoss([x], [y], constant(mask, [b, 1, side, side])), [shapes[0]!, shapes[0]!]))

test('the part loss is a binary cross-entropy against all characters together', async () => {
  const logits = randn([1, 3, 2, 2], 5)
  const masks = randn([1, 9, 2, 2], 6)
  masks.data = masks.data.map((x) => Math.min(1, Math.abs(x)))
  const loss = partLoss(input('logits', logits.shape), partTargets(input('masks', masks.shape)))
  const got = (await evaluate({ loss }, { logits, masks })).loss!.data
  let want = 0
  for (let p = 0; p < 12; p++) {
    const y = Math.min(1, masks.data[p]! + masks.data[p + 12]! + masks.data[p + 24]!)
    const probability = 1 / (1 + Math.exp(-logits.data[p]!))
    want -= (y * Math.log(probability) + (1 - y) * Math.log(1 - probability)) / 12
  }
  assertClose(got, [want], 1e-5)
})
