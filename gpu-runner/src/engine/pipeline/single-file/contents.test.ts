import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeSafetensors } from '../../io/safetensors.ts'
import { ModelError } from '../source.ts'
import { familyOf, openAs } from './contents.ts'

/** One tensor that such a file has, and what the refusal says. */
const found: readonly (readonly [tensor: string, said: RegExp])[] = [
  ['double_blocks.0.img_attn.qkv.weight', /is a Flux transformer; Stable Diffusion 1\.x, 2\.x and SDXL are read/],
  ['model.diffusion_model.double_blocks.0.img_attn.qkv.weight', /is a Flux transformer/],
  ['single_transformer_blocks.0.attn.to_q.weight', /is a Flux transformer/],
  ['model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight', /is a Stable Diffusion 3 transformer/],
  ['transformer_blocks.0.img_mod.1.weight', /is a Qwen-Image transformer/],
  ['model.diffusion_model.input_blocks.1.0.time_stack.in_layers.0.weight', /is a video model/],
  ['lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight', /is a LoRA file; --lora is for it, beside a --model/],
  ['unet.conv_in.lora_A.weight', /is a LoRA file/],
  ['lora_unet_conv_in.hada_w1_a', /--lora is for it/],
  ['emb_params', /is a textual inversion; embeddings are not read yet/],
  ['control_model.input_hint_block.0.weight', /is a ControlNet; control models are not read yet/],
  ['image_proj.proj.weight', /is an IP-Adapter; --ip-adapter is for it/],
  ['decoder.conv_in.weight', /is a VAE alone; --vae is for it/],
  ['down_blocks.0.resnets.0.conv1.weight', /is a UNet alone; --unet is for it/],
  ['text_model.encoder.layers.0.mlp.fc1.weight', /is a text encoder alone/],
  ['something.else', /is a file with tensors such as 'something\.else'; Stable Diffusion/],
]

test('a file that is no model is refused by what it is, and told where it belongs', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contents-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'x.safetensors')
  const refused = (said: RegExp, role: 'model' | 'lora' = 'model') =>
    assert.throws(
      () => openAs(path, role),
      (error) => error instanceof ModelError && error.message.startsWith(path) && said.test(error.message),
      String(said),
    )
  const data = new Float32Array(1)
  for (const [tensor, said] of found) {
    writeSafetensors(path, { [tensor]: { dtype: 'F32', shape: [1], data } })
    refused(said)
  }
  writeSafetensors(path, { 'model.diffusion_model.input_blocks.0.0.weight': { dtype: 'F32', shape: [1], data } })
  refused(/is a model in one file; --model is for it/, 'lora')
  assert.throws(() => familyOf(openAs(path, 'model')), /a UNet and no text encoder/)
  writeSafetensors(path, {})
  refused(/is a file without tensors/)
  for (const [bytes, said] of [
    ['GGUF\x03\0\0\0', /is a GGUF file.*only \.safetensors files are read/],
    ['PK\x03\x04archive/data.pkl', /is a pickle of torch/],
    [Buffer.from([0x80, 2, 0x8a]), /is a pickle of torch/],
    ['version https://git-lfs.github.com/spec/v1\noid', /a pointer of Git LFS/],
    ['<!DOCTYPE html><html>', /is a web page/],
  ] as const) {
    writeFileSync(path, bytes)
    refused(said)
  }
})

test('relatives of the models that are read are told apart by their text encoders', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contents-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'x.safetensors')
  const family = (encoder: string, context: number) => {
    const data = new Float32Array(context)
    writeSafetensors(path, {
      'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight': {
        ...{ dtype: 'F32', shape: [1, context] },
        data,
      },
      [encoder]: { dtype: 'F32', shape: [1], data: data.subarray(0, 1) },
    })
    return familyOf(openAs(path, 'model'))
  }
  assert.equal(family('cond_stage_model.transformer.text_model.x', 768), 'sd1')
  assert.equal(family('cond_stage_model.model.ln_final.weight', 1024), 'sd2')
  assert.equal(family('conditioner.embedders.0.model.ln_final.weight', 1024), 'sd2')
  assert.equal(family('conditioner.embedders.1.model.ln_final.weight', 2048), 'sdxl')
  assert.throws(() => family('conditioner.embedders.0.model.ln_final.weight', 1280), /is an SDXL refiner/)
  assert.throws(() => family('embedder.model.visual.x', 1024), /is a Stable unCLIP model/)
})
