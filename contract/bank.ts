/**
 * Character banks: what it takes to generate a story's characters again, in one file that works on any machine with
 * the same model. A safetensors file whose `__metadata__.bank` is `BankHeader` as JSON; of its tensors, which only runners
 * read, see `gpu-runner/src/story/bank/bank.ts`.
 */
import { z } from 'zod'
import { isObject, isTooDeep, TOO_DEEP } from './json.ts'
import { CharacterId, Layout, LIMITS, type StoryRequest, text } from './story.ts'

export const BANK_VERSION = 1
export const BANK_TYPE = 'application/octet-stream'
/** Enough for as many frames as a cast of `LIMITS.characters` needs, of several stories. */
const MAX_ANCHORS = 24

const Count = z.int().min(0)
const Share = z.number().min(0).max(1)
const Fingerprint = z.hash('sha256')
const Places = z.array(Count).max(64)

/** What an anchor depends on besides its prompt and seed. A story that names the bank takes from here what it leaves out. */
export const BankSettings = z.strictObject({
  width: z.int().min(1).max(4096),
  height: z.int().min(1).max(4096),
  steps: z.int().min(1).max(LIMITS.steps),
  /** Null for the model's own. */
  scheduler: z.string().max(64).nullable(),
  guidance_scale: z.number().min(0).max(30),
  guidance_rescale: Share,
  guidance_interval: z.tuple([Share, Share]),
  /** Whether unconditional rows attended to other frames; older banks lack it. */
  unconditional: z.enum(['shared', 'alone']).default('shared'),
  clip_skip: z.int().min(0).max(12),
  negative_prompt: z.string().max(LIMITS.prompt).nullable(),
  style: z.string().max(LIMITS.style).nullable(),
  /** How prompts are read; older banks lack it. */
  prompt_syntax: z.enum(['plain', 'weighted']).default('plain'),
  /** Older banks lack it. */
  layout: Layout.default('free'),
  synchronizer: Share,
  /** Older banks lack it. */
  leak_guard: z.boolean().default(false),
  injector: Share,
  regions: z.boolean(),
})
export type BankSettings = z.infer<typeof BankSettings>

export const BankCharacter = z.strictObject({
  id: CharacterId,
  name: text(LIMITS.name),
  description: text(LIMITS.description),
  /** Places of its reference pictures among the identities, as a whole and by region; null where it had none. */
  identity: z
    .strictObject({ whole: Places.readonly(), regions: z.array(Places.readonly()).max(8).readonly() })
    .nullable(),
})
export type BankCharacter = z.infer<typeof BankCharacter>

/** A picture of characters that frames attend to. */
export const BankAnchor = z.strictObject({
  /** Of its noise. */
  seed: z.int().min(0),
  /** Anchors attend to anchors of the same or an earlier generation. */
  generation: Count.max(1000),
  /** Sampled by `model` under `settings`: it can be sampled again, exactly. Others are noised. */
  sampled: z.boolean(),
  /** The characters for which frames attend to it. */
  shows: z.array(CharacterId).min(1).max(LIMITS.characters),
  /** The whole prompt, in stretches that are about one character, or one region of it, or none. */
  prompt: z
    .array(
      z.strictObject({
        text: z.string().max(2000),
        character: CharacterId.optional(),
        region: Count.max(7).optional(),
      }),
    )
    .max(500),
})
export type BankAnchor = z.infer<typeof BankAnchor>

export const BankHeader = z
  .strictObject({
    version: z.literal(BANK_VERSION, `a bank of version ${BANK_VERSION}`),
    /** Fingerprints of what is in the model's folder: the autoencoder, and all the rest. */
    model: z.strictObject({ name: z.string().min(1).max(100), denoiser: Fingerprint, autoencoder: Fingerprint }),
    settings: BankSettings,
    cast: z.array(BankCharacter).min(1).max(LIMITS.characters),
    anchors: z.array(BankAnchor).min(1).max(MAX_ANCHORS, `at most ${MAX_ANCHORS} anchors`),
  })
  .superRefine(({ cast, anchors }, ctx) => {
    const ids = new Set(cast.map(({ id }) => id))
    if (ids.size < cast.length) ctx.addIssue({ code: 'custom', message: 'a character is there twice', path: ['cast'] })
    for (const [i, { shows, prompt }] of anchors.entries())
      for (const id of [...shows, ...prompt.flatMap(({ character }) => character ?? [])])
        if (!ids.has(id)) ctx.addIssue({ code: 'custom', message: `no character ${id}`, path: ['anchors', i] })
  })
export type BankHeader = z.infer<typeof BankHeader>

/** A file that is no bank, or none for this model: what is wrong with it. */
export class BankError extends Error {
  override name = 'BankError'
}

/** The header of a bank; throws `BankError`. Does not read the tensors. */
export function readBankHeader(bytes: Uint8Array): BankHeader {
  if (bytes.length > LIMITS.bankBytes) throw new BankError(`has ${bytes.length} bytes; at most ${LIMITS.bankBytes}`)
  if (bytes.length < 8) throw new BankError(`${bytes.length} bytes are no safetensors file`)
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  if (length > bytes.length - 8) throw new BankError('is no safetensors file, or has been cut off')
  return bankHeaderOf(parsed(new TextDecoder().decode(bytes.subarray(8, 8 + length)))?.__metadata__)
}

/** The header as the file's `__metadata__` holds it. */
export function bankHeaderOf(metadata: unknown): BankHeader {
  const json = isObject(metadata) ? metadata.bank : undefined
  if (typeof json !== 'string') throw new BankError('is no character bank: __metadata__.bank is missing')
  const header = BankHeader.safeParse(parsed(json))
  if (header.success) return header.data
  const [issue] = header.error.issues
  throw new BankError(`is no character bank: ${issue?.path.join('.') ?? ''}: ${issue?.message}`)
}

/** The cast of a story that names a bank: the declared characters, then the others of the bank. */
export function joinCast(declared: StoryRequest['characters'], bank: readonly BankCharacter[]) {
  const more = bank.filter(({ id }) => !declared.some((character) => character.id === id))
  return [...declared, ...more.map(({ id, name, description }) => ({ id, name, description }))]
}

function parsed(json: string): Record<string, unknown> | undefined {
  if (isTooDeep(json)) throw new BankError(`is ${TOO_DEEP}`)
  try {
    const value: unknown = JSON.parse(json)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
