import assert from 'node:assert/strict'
import { test } from 'node:test'
import { layersByLoraName, parseLoraKey } from './lora-names.ts'

/** Layers of SDXL's and SD 1.5's UNet, two residual layers a level, and their names in published LoRA files. */
const sdxl = {
  'down_blocks.0.downsamplers.0.conv': 'input_blocks_3_0_op',
  'down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_q': 'input_blocks_4_1_transformer_blocks_1_attn1_to_q',
  'down_blocks.2.attentions.1.transformer_blocks.9.ff.net.2': 'input_blocks_8_1_transformer_blocks_9_ff_net_2',
  'mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0': 'middle_block_1_transformer_blocks_0_attn2_to_out_0',
  'mid_block.resnets.1.conv1': 'middle_block_2_in_layers_2',
  'up_blocks.0.attentions.2.proj_out': 'output_blocks_2_1_proj_out',
  'up_blocks.0.upsamplers.0.conv': 'output_blocks_2_2_conv',
  'up_blocks.1.attentions.0.proj_in': 'output_blocks_3_1_proj_in',
  'up_blocks.1.upsamplers.0.conv': 'output_blocks_5_2_conv',
  'up_blocks.2.resnets.2.conv_shortcut': 'output_blocks_8_0_skip_connection',
  'add_embedding.linear_2': 'label_emb_0_2',
}
const sd15 = {
  'up_blocks.0.upsamplers.0.conv': 'output_blocks_2_1_conv',
  'up_blocks.3.attentions.2.proj_in': 'output_blocks_11_1_proj_in',
  'up_blocks.3.resnets.0.time_emb_proj': 'output_blocks_9_0_emb_layers_1',
}

for (const [model, names] of Object.entries({ sdxl, sd15 }))
  test(`blocks that are counted through are found in ${model}`, () => {
    const first = ['down_blocks.0.resnets.0.conv1', 'down_blocks.0.resnets.1.conv1']
    const more = model === 'sdxl' ? ['up_blocks.0.attentions.0.proj_in'] : []
    const found = layersByLoraName([...first, ...more, ...Object.keys(names)], 'unet')
    for (const [layer, name] of Object.entries(names)) {
      assert.equal(found.get(name), layer)
      assert.equal(found.get(layer.replaceAll('.', '_')), layer)
    }
  })

test('a key names its part, its layer and its role', () => {
  const cases = {
    'lora_unet_mid_block_attentions_0_proj_in.lora_down.weight': ['unet', 'mid_block_attentions_0_proj_in', 'down'],
    'lora_te2_text_model_encoder_layers_31_mlp_fc1.alpha': [
      'text_encoder_2',
      'text_model_encoder_layers_31_mlp_fc1',
      'alpha',
    ],
    'unet.mid_block.attentions.0.proj_in.lora_A.default_0.weight': ['unet', 'mid_block.attentions.0.proj_in', 'down'],
    'unet.base_model.model.conv_in.lora_B.weight': ['unet', 'conv_in', 'up'],
    'text_encoder.text_model.encoder.layers.0.self_attn.to_q_lora.up.weight': [
      'text_encoder',
      'text_model.encoder.layers.0.self_attn.q_proj',
      'up',
    ],
    'mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.down.weight': [
      'unet',
      'mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0',
      'down',
    ],
  }
  Object.assign(cases, {
    'lora_te_text_model_encoder_layers_0_mlp_fc1.hada_w1_a': [
      'text_encoder',
      'text_model_encoder_layers_0_mlp_fc1',
      'hada_w1_a',
    ],
    'diffusion_model.middle_block.1.proj_in.lokr_w2_b': ['unet', 'middle_block.1.proj_in', 'lokr_w2_b'],
    'base_model.model.mid_block.attentions.0.proj_in.lora_A.weight': ['unet', 'mid_block.attentions.0.proj_in', 'down'],
    'text_encoders.clip_g.transformer.text_model.encoder.layers.3.mlp.fc1.lora_up.weight': [
      'text_encoder_2',
      'text_model.encoder.layers.3.mlp.fc1',
      'up',
    ],
    'lora_unet_conv_in.dora_scale': ['unet', 'conv_in', 'magnitude'],
    'unet.conv_in.lora_magnitude_vector.default.weight': ['unet', 'conv_in', 'magnitude'],
    'lora_unet_conv_in.diff_b': ['unet', 'conv_in', 'bias'],
    'unet.conv_in.a1.weight': ['unet', 'conv_in', 'a1'],
  })
  for (const [key, [part, layer, role]] of Object.entries(cases))
    assert.deepEqual(parseLoraKey(key), { part, layer, role })
})

test('what is neither factor nor alpha is refused with the reason', () => {
  assert.equal(parseLoraKey('lora_unet_conv_in.oft_blocks'), 'OFT is not supported')
  assert.equal(parseLoraKey('unet.conv_in.lora_B.bias'), 'a trained bias is not supported')
  assert.match(String(parseLoraKey('lora_te3_x.lora_up.weight')), /no part of a pipeline is known/)
  assert.match(String(parseLoraKey('unet.conv_in.lora_C.weight')), /neither of the two factors/)
  assert.match(String(parseLoraKey('')), /no part/)
})
