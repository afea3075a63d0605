/** Runs golden cases through the engine, one result a case. */
import { basename } from 'node:path'
import { attentionMaps, ipAdapter } from './attention.ts'
import { type Device, NotUnderstood, openCase, type Runner } from './case.ts'
import { clipText, clipVision } from './clip.ts'
import type { Tolerance } from './compare.ts'
import { endToEnd } from './e2e.ts'
import { preprocess } from './preprocess.ts'
import { scheduler } from './scheduler.ts'
import { tokenizer } from './tokenizer.ts'
import { unet } from './unet.ts'
import { vae } from './vae.ts'

const runners: Readonly<Record<string, Runner>> = {
  unet,
  attn_maps: attentionMaps,
  ip_adapter: ipAdapter,
  vae,
  clip_text: clipText,
  clip_vision: clipVision,
  tokenizer,
  scheduler,
  preprocess,
  e2e: endToEnd,
}

export interface CaseResult {
  readonly name: string
  readonly maxAbs: number
  readonly maxRel: number
  readonly tolerance: Tolerance | null
  readonly verdict: 'pass' | 'fail' | 'not understood'
  /** What failed and why. */
  readonly notes: readonly string[]
}

/** The case at `folder`. It passes when every expected output was computed and is within the tolerance. */
export async function runCase(folder: string, device: Device): Promise<CaseResult> {
  const notes: string[] = []
  let [name, maxAbs, maxRel] = [basename(folder), 0, 0]
  let tolerance: Tolerance | null = null
  let verdict: CaseResult['verdict'] = 'pass'
  try {
    const golden = openCase(folder)
    ;({ name } = golden.json)
    tolerance = golden.tolerance
    const { kind } = golden.json
    const runner = Object.hasOwn(runners, kind) ? runners[kind] : undefined
    if (!runner) throw new NotUnderstood(`no case of kind '${kind}' is known, only ${Object.keys(runners).join(', ')}`)
    const left = new Set(golden.outputs.tensors.keys())
    let count = 0
    for await (const { output, pass, note, ...errors } of runner(golden, device)) {
      count++
      left.delete(output)
      maxAbs = Math.max(maxAbs, errors.maxAbs)
      maxRel = Math.max(maxRel, errors.maxRel)
      if (pass) continue
      verdict = 'fail'
      notes.push(`${output}: ${note ?? 'differs'} (${errors.maxAbs.toExponential(1)})`)
    }
    if (left.size > 0) throw new NotUnderstood(`nothing computes ${[...left].join(', ')}`)
    if (count === 0) throw new NotUnderstood('it expects no output')
  } catch (error) {
    if (verdict === 'pass') verdict = 'not understood'
    notes.push((error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim())
  }
  return { name, maxAbs, maxRel, tolerance, verdict, notes }
}
