import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sd15 } from '../../../../test/model-folder.ts'
import { buildAutoencoder, toRgb } from './autoencoder.ts'
import { folderPart } from './folder.ts'

const autoencoder = buildAutoencoder(folderPart(join(sd15, 'vae')), {})
after(() => Promise.all([autoencoder.decoder.release(), autoencoder.encoder.release()]))

const wave = (shape: number[]) => ({
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * i)),
  shape,
})

test('a picture that would take too much memory is decoded in tiles of 512, one that would not at once', async () => {
  const latents = wave([1, 4, 72, 8])
  const whole = await autoencoder.decode(latents, { mostBytes: 1e9 })
  const tiled = await autoencoder.decode(latents, { mostBytes: 1e6 })
  assert.deepEqual(
    [whole.shape, tiled.shape],
    [
      [1, 3, 576, 64],
      [1, 3, 576, 64],
    ],
  )
  // What the first tile keeps is that tile's own picture: 384 rows, of which none fades.
  const top = Array.from({ length: 4 }, (_, c) => [...latents.data.subarray(c * 576, c * 576 + 512)]).flat()
  const first = await autoencoder.decode({ data: Float32Array.from(top), shape: [1, 4, 64, 8] })
  assert.deepEqual(tiled.data.slice(0, 384 * 64), first.data.slice(0, 384 * 64))
  assert.notDeepEqual(tiled.data, whole.data)
  const stop = AbortSignal.abort(new Error('enough'))
  await assert.rejects(autoencoder.decode(latents, { mostBytes: 1e6, signal: stop }), /enough/)
})

test('encoding takes noise of the size of the latents', async () => {
  const encoded = await autoencoder.encode(wave([1, 3, 40, 72]), wave([1, 4, 5, 9]))
  assert.deepEqual(encoded.shape, [1, 4, 5, 9])
})

test('planes become bytes, clamped', () => {
  const planes = { data: Float32Array.of(-2, 0, 1, -1, 0.5, 3), shape: [1, 3, 1, 2] }
  assert.deepEqual([...toRgb(planes)], [0, 255, 191, 128, 0, 255])
})
