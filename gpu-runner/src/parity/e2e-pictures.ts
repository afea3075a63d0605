/** The pictures of an end-to-end run as its IP-Adapter takes them. */
import { join } from 'node:path'
import { openSafetensors } from '../io/safetensors.ts'
import { adapterConfig } from '../models/ip-adapter.ts'
import type { HostTensor } from '../runtime/session.ts'
import type { GivenAdapter } from './attention.ts'
import { type Device, type GoldenCase, inputOf } from './case.ts'
import { openVision } from './clip.ts'
import type { E2eRun } from './e2e-prompts.ts'

/** For `rows` rows of a model call, the first half of them without pictures under guidance. */
export async function picturesOf(
  golden: GoldenCase,
  folder: string,
  run: E2eRun,
  rows: number,
  device: Device,
): Promise<GivenAdapter[]> {
  if (!run.ip_adapter) return []
  const file = join(golden.folder, run.ip_adapter)
  const pixels = inputOf(golden, `${run.id}.pixel_values`)
  const { kind } = adapterConfig(openSafetensors(file).tensors)
  const output = kind === 'base' ? 'image_embeds' : 'penultimate'
  const session = await openVision(join(folder, 'image_encoder'), device)
  const seen = await session.run({ pixels })
  const blank = await session.run({ pixels: { data: new Float32Array(pixels.data.length), shape: pixels.shape } })
  await session.close()
  const given = seen[output]!.data as Float32Array
  // No picture is a zero embedding for the one kind, and what the encoder makes of a zero picture for the other.
  const absent = kind === 'base' ? new Float32Array(given.length) : (blank[output]!.data as Float32Array)
  const guided = run.guidance_scale > 1
  const data = new Float32Array(rows * given.length)
  for (let row = 0; row < rows; row++) data.set(guided && row < rows / 2 ? absent : given, row * given.length)
  const embeds: HostTensor = { data, shape: [rows, ...seen[output]!.shape] }
  const masks = golden.inputs.tensors.has(`${run.id}.mask`) ? { masks: inputOf(golden, `${run.id}.mask`) } : {}
  return [{ file, embeds, scale: run.ip_scale, ...masks }]
}
