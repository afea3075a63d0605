/** The pictures of an end-to-end run as its IP-Adapter takes them. */
import { join } from 'node:path'
import { openSafetensors } from '../../engine/io/safetensors.ts'
import { adapterConfig } from '../../engine/models/ip-adapter.ts'
import type { PictureAdapter } from '../../engine/pipeline/adapters.ts'
import type { Conditioning } from '../../engine/pipeline/conditioning.ts'
import { type Device, type GoldenCase, inputOf } from './case.ts'
import { openVision } from './clip.ts'
import type { E2eRun } from './e2e-run.ts'

export interface Pictures {
  readonly adapter: PictureAdapter
  /** The prompts' rows with the pictures as well; unconditional rows have none. */
  withPictures(conditioning: Conditioning): Conditioning
}

/** Null for a run without an adapter. */
export async function picturesOf(
  golden: GoldenCase,
  imageEncoder: string,
  run: E2eRun,
  device: Device,
): Promise<Pictures | null> {
  if (!run.ip_adapter) return null
  const file = join(golden.folder, run.ip_adapter)
  const pixels = inputOf(golden, `${run.id}.pixel_values`)
  const { kind } = adapterConfig(openSafetensors(file).tensors)
  const output = kind === 'base' ? 'image_embeds' : 'penultimate'
  const session = await openVision(imageEncoder, device)
  const seen = await session.run({ pixels })
  const blank = await session.run({ pixels: { data: new Float32Array(pixels.data.length), shape: pixels.shape } })
  await session.close()
  const given = seen[output]!.data as Float32Array
  // No picture is a zero embedding for the one kind, and the encoder's output for a zero picture for the other.
  const absent = kind === 'base' ? new Float32Array(given.length) : (blank[output]!.data as Float32Array)
  const masks = golden.inputs.tensors.has(`${run.id}.mask`) ? inputOf(golden, `${run.id}.mask`) : undefined
  return {
    adapter: { file, embedShape: seen[output]!.shape, scale: run.ip_scale, masks },
    withPictures: ({ conditional, unconditional }) => ({
      conditional: conditional.map((row) => ({ ...row, pictures: [given] })),
      unconditional: unconditional?.map((row) => ({ ...row, pictures: [absent] })) ?? null,
    }),
  }
}
