/** Cases of kind `tokenizer`: `strings.json` through the vocabulary next to it. */
import { join } from 'node:path'
import { z } from 'zod'
import { openTokenizer } from '../../engine/io/tokenizer.ts'
import { type GoldenCase, readJson } from './case.ts'
import type { Check } from './compare.ts'

const ids = z.array(z.int())
const Strings = z.array(
  z.looseObject({
    text: z.string(),
    /** By openai/CLIP's own tokenizer. */
    ids,
    agree: z.boolean().default(false),
    /** By the published tokenizers that differ from it; ours is 'fast' throughout. */
    variants: z.record(z.string(), ids).default({}),
    /** With begin and end, cut to 77. */
    padded77: ids.optional(),
  }),
)

export async function* tokenizer({ folder }: GoldenCase): AsyncGenerator<Check> {
  const ours = openTokenizer(folder)
  for (const { text, ids, agree, variants, padded77 } of Strings.parse(readJson(join(folder, 'strings.json')))) {
    const got = ours.encode(text)
    const want = agree ? ids : (variants.fast ?? ids)
    yield same(text, got, want)
    if (!padded77) continue
    const cut = want === ids ? padded77 : [padded77[0]!, ...want.slice(0, 75), padded77.at(-1)!]
    yield same(`${text} (padded)`, ours.padded(got, 77), cut)
  }
}

function same(text: string, got: readonly number[], want: readonly number[]): Check {
  const pass = got.length === want.length && got.every((id, i) => id === want[i])
  const error = pass ? 0 : 1
  return { output: JSON.stringify(text), maxAbs: error, maxRel: error, pass, note: `[${got}], not [${want}]` }
}
