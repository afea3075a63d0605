import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sd15, sdxl } from '../../../../test/model-folder.ts'
import type { Tokenizer } from '../io/tokenizer.ts'
import { encodeConditioning, promptIds } from './conditioning.ts'
import type { DenoiserCall } from './denoiser-feeds.ts'
import { openPipeline } from './open.ts'
import { chunked, paddedChunks, type WeightedToken } from './prompt-chunks.ts'
import type { PromptIds } from './text-encoders.ts'

const models = { sd15: await openPipeline(sd15, {}), sdxl: await openPipeline(sdxl, {}) }
after(() => Promise.all(Object.values(models).map((model) => model.release())))

const words = 'a red fox in a blue coat waves at a gray bear, '

/** A prompt of so many chunks, its third token of the weight given. */
function prompt(tokenizers: readonly Tokenizer[], chunks: number, weight = 1): PromptIds {
  const tokens = tokenizers[0]!.encode(words.repeat(20)).slice(0, 75 * chunks - 9)
  const weighted = tokens.map((id, i): WeightedToken => ({ id, weight: i === 2 ? weight : 1 }))
  const places = chunked(weighted, { size: 75, most: 8, comma: undefined, breaks: new Set() })
  const padded = tokenizers.map((tokenizer) => paddedChunks(weighted, places, tokenizer))
  return { ids: padded.map(({ ids }) => ids), weights: padded[0]!.weights }
}

for (const [name, { text }] of Object.entries(models)) {
  test(`${name}: chunks are encoded one by one and stand side by side; what is pooled is of the first`, async () => {
    const whole = prompt(text.tokenizers, 3)
    assert.equal(whole.ids[0]!.length, 231)
    const parts = [0, 1, 2].map((c) => ({ ids: whole.ids.map((ids) => ids.slice(77 * c, 77 * c + 77)) }))
    const [all, ...apart] = await text.encode([whole, ...parts])
    assert.equal(all!.context.length, 3 * 77 * text.width)
    assert.deepEqual(all!.context, Float32Array.from(apart.flatMap(({ context }) => [...context])))
    assert.deepEqual(all!.pooled, apart[0]!.pooled)
  })

  test(`${name}: a weight multiplies the states of its token, and the mean of each encoder's chunk stays`, async () => {
    const [plain, heavy] = await text.encode([prompt(text.tokenizers, 2), prompt(text.tokenizers, 2, 1.5)])
    const widths = name === 'sd15' ? [text.width] : [16, text.width - 16]
    const expected = Float32Array.from(plain!.context)
    let start = 0
    for (const width of widths) {
      const own = (t: number) => Array.from({ length: width }, (_, d) => t * text.width + start + d)
      const first = Array.from({ length: 77 }, (_, t) => own(t)).flat()
      const sum = () => first.reduce((total, i) => total + expected[i]!, 0)
      const before = sum()
      for (const i of own(3)) expected[i]! *= 1.5
      const factor = before / sum()
      for (const i of first) expected[i]! *= factor
      start += width
    }
    assert.notDeepEqual(heavy!.context, plain!.context)
    // The second chunk has no weights, and is as it was.
    const error = Math.max(...expected.map((value, i) => Math.abs(value - heavy!.context[i]!)))
    assert.ok(error < 1e-4, String(error))
  })
}

test('a row of few chunks is computed as if it were alone, whatever others in its call have, and all chunks count', async () => {
  const { text, denoiser } = models.sd15
  const grid = { width: 8, height: 8 }
  const latent = Float32Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i))
  const conditioning = await encodeConditioning(models.sd15, {
    prompts: [prompt(text.tokenizers, 3), promptIds('a red fox', text)],
    regionalPrompts: [null, [promptIds('a red fox', text), prompt(text.tokenizers, 2)]],
    size: [64, 64],
  })
  const [long, regional] = conditioning.conditional.map((row) => ({ ...row, latent }))
  const short = { context: regional!.context, pooled: null, timeIds: null, latent }
  const run = async (...rows: DenoiserCall['rows'][number][]) =>
    (await denoiser.run({ rows, grid, timestep: 300 })).outputs
  const together = await run(long!, short, regional!)
  for (const [i, row] of [long!, short, regional!].entries()) {
    const [alone] = await run(row)
    const error = Math.max(...alone!.map((value, k) => Math.abs(value - together[i]![k]!)))
    assert.ok(error < 1e-5, `row ${i}: ${error}`)
  }
  const [cut] = await run({ ...long!, context: long!.context.subarray(0, 77 * text.width) })
  assert.ok(cut!.some((value, k) => Math.abs(value - together[0]![k]!) > 1e-4))
})
