import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { sd15, sdxl } from '../../../../test/model-folder.ts'
import { openSafetensors, writeSafetensors } from '../io/safetensors.ts'
import { AutoencoderConfig } from '../models/autoencoder-kl.ts'
import { parseUNetConfig } from '../models/unet-config.ts'
import { openSource } from './open-source.ts'
import { withParts } from './other-parts.ts'
import { writeSingleFile } from './single-file/write.ts'
import { ModelError } from './source.ts'

const vae = join(sd15, 'vae/diffusion_pytorch_model.safetensors')
const unet = join(sd15, 'unet/diffusion_pytorch_model.safetensors')

test('a VAE from a folder, from a file of its own in either layout, or from a whole model has the same tensors', (t) => {
  const folder = scratch(t)
  const [whole, ldm, alone] = ['whole', 'ldm', 'alone'].map((name) => join(folder, `${name}.safetensors`))
  writeSingleFile(sd15, whole!)
  copyPart(whole!, ldm!, 'first_stage_model.')
  copyPart(vae, alone!, '')
  const source = openSource(sdxl)
  const wanted = openSafetensors(vae)
  for (const path of [join(sd15, 'vae'), sd15, vae, whole!, ldm!, alone!]) {
    const part = withParts(source, { vae: path }).part('vae')
    const { tensors, bytes } = part.checkpoint()
    assert.deepEqual([...tensors.keys()].sort(), [...wanted.tensors.keys()].sort(), path)
    const name = 'decoder.mid_block.attentions.0.to_q.weight'
    assert.deepEqual(tensors.get(name)?.shape, [16, 16], path)
    assert.deepEqual(bytes(name), wanted.bytes(name))
  }
  // Files have no configuration: groups of 32 do not fit so small a VAE, all else is found.
  const { config } = withParts(source, { vae: ldm! }).part('vae')
  assert.throws(() => config(AutoencoderConfig), /8 channels in 32 groups/)
})

test('a UNet takes the place of the model’s own, whose heads and groups it has; one of other channels is refused', (t) => {
  const folder = scratch(t)
  const [whole, ldm, alone] = ['whole', 'ldm', 'alone'].map((name) => join(folder, `${name}.safetensors`))
  writeSingleFile(sd15, whole!)
  copyPart(whole!, ldm!, 'model.diffusion_model.')
  copyPart(unet, alone!, '')
  const source = openSource(sd15)
  const own = source.part('unet')
  const config = { parse: parseUNetConfig } as never
  for (const path of [unet, whole!, ldm!, alone!]) {
    const part = withParts(source, { unet: path }).part('unet')
    assert.deepEqual(part.config(config), own.config(config), path)
    assert.deepEqual([...part.checkpoint().tensors.keys()].sort(), [...own.checkpoint().tensors.keys()].sort(), path)
  }
  const refused = (parts: Parameters<typeof withParts>[1], said: RegExp) =>
    assert.throws(
      () => withParts(source, parts),
      (error) => error instanceof ModelError && said.test(error.message),
    )
  const other = join(folder, 'sdxl.safetensors')
  copyPart(join(sdxl, 'unet/diffusion_pytorch_model.safetensors'), other, '')
  refused({ unet: other }, /is a UNet of \[16,24,32\] channels, and the model's has \[16,24,32,32\]; it is for another/)
  refused({ unet: vae.replace('vae', 'text_encoder').replace('diffusion_pytorch_', '') }, /is a text encoder alone/)
  refused({ vae: join(folder, 'none') }, /does not exist/)
  refused({ vae: folder }, /has no config\.json/)
})

/** The tensors below `prefix`, as a file of their own. */
function copyPart(from: string, to: string, prefix: string): void {
  const { tensors, bytes } = openSafetensors(from)
  const own = [...tensors].filter(([name]) => name.startsWith(prefix))
  writeSafetensors(
    to,
    Object.fromEntries(
      own.map(([name, { dtype, shape }]) => [name.slice(prefix.length), { dtype, shape, data: bytes(name) }]),
    ),
  )
}

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'parts-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}
