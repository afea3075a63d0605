import assert from 'node:assert/strict'
import { closeSync, cpSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sd15 } from '../../../../test/model-folder.ts'
import { partCheckpoint } from './folder.ts'
import { openPipeline } from './open.ts'

test('the fingerprint of an autoencoder depends on its encoder, not on its decoder', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'model-'))
  t.after(() => rmSync(folder, { recursive: true }))
  cpSync(sd15, folder, { recursive: true })
  const fingerprints = async () => {
    const pipeline = await openPipeline(folder, {})
    await pipeline.release()
    return pipeline.fingerprints()
  }
  const before = await fingerprints()
  spoil(folder, 'decoder.conv_in.weight')
  assert.deepEqual(await fingerprints(), before)
  spoil(folder, 'encoder.conv_in.weight')
  const { denoiser, autoencoder } = await fingerprints()
  assert.equal(denoiser, before.denoiser)
  assert.notEqual(autoencoder, before.autoencoder)
})

/** The first bytes of a tensor of the autoencoder become others. */
function spoil(folder: string, name: string): void {
  const { path, offset } = partCheckpoint(join(folder, 'vae')).tensors.get(name)!
  const file = openSync(path, 'r+')
  writeSync(file, new Uint8Array(4), 0, 4, offset)
  closeSync(file)
}
