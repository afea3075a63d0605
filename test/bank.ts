/** A small character bank, as a runner would hand one over. */
import { BANK_VERSION, type BankHeader } from '../contract/bank.ts'
import { encodeBank } from '../gpu-runner/src/story/bank/bank.ts'

const settings = {
  ...{ width: 64, height: 64, steps: 2, scheduler: null, guidance_scale: 3, guidance_rescale: 0 },
  ...{
    unconditional: 'alone' as const,
    clip_skip: 0,
    negative_prompt: null,
    style: null,
    prompt_syntax: 'plain' as const,
    layout: 'columns' as const,
    synchronizer: 1,
    leak_guard: true,
    injector: 1,
    regions: true,
  },
}

/** Of one frame of each of `cast`, made by `model`. */
export function smallBank(
  cast: readonly { id: string; name: string; description: string }[],
  model = 'story-mini',
): Uint8Array<ArrayBuffer> {
  const header: BankHeader = {
    version: BANK_VERSION,
    model: { name: model, denoiser: 'a'.repeat(64), autoencoder: 'b'.repeat(64) },
    settings: { ...settings, guidance_interval: [0, 1] },
    cast: cast.map(({ id, name, description }) => ({ id, name, description, identity: null })),
    anchors: cast.map(({ id, description }, seed) => ({
      ...{ seed, generation: 0, sampled: true, shows: [id] },
      prompt: [{ text: description, character: id }],
    })),
  }
  return encodeBank({
    header,
    latents: cast.map((_, i) => new Float32Array(16).fill(i)),
    latentShape: [4, 2, 2],
    masks: cast.map((_, i) => cast.map((_, c) => (c === i ? Uint8Array.of(1, 1, 0, 0) : null))),
    identities: [],
    identityShape: [0, 0],
  })
}
