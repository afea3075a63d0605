/**
 * CLIP's byte-pair tokenizer, from the `vocab.json` and `merges.txt` of a model folder.
 *
 * Published CLIP tokenizers clean text differently before the same merges; this one follows transformers'
 * CLIPTokenizerFast throughout: NFC, white space collapsed, lower case; neither ftfy nor HTML entities.
 *
 * A text longer than the encoder's positions is cut, as SD and SDXL pipelines do, never encoded in several chunks:
 * `padded` keeps the beginning.
 */

import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer as BytePairs } from '@huggingface/tokenizers'
import { shown } from './json.ts'

export interface Tokenizer {
  /** The ids of `text` alone, without begin and end. */
  encode(text: string): number[]
  /** Exactly `length` ids: begin, as many of `ids` as fit, end, then padding. */
  padded(ids: readonly number[], length: number): number[]
  /** Entries of the vocabulary: every id is below. */
  readonly size: number
  /** Tokens that the text encoder has positions for, begin and end included. */
  readonly modelMaxLength: number
  readonly bos: number
  readonly eos: number
  readonly pad: number
}

export interface Vocabulary {
  readonly vocab: Readonly<Record<string, number>>
  /** Pairs of symbols, the first to be merged first. */
  readonly merges: readonly (readonly [string, string])[]
  readonly modelMaxLength: number
  readonly bos: string
  readonly eos: string
  readonly pad: string
}

export class TokenizerError extends Error {
  override name = 'TokenizerError'
}

/** CLIP's positions, for folders that do not state a length. */
const defaultMaxLength = 77

/** Bounds far beyond CLIP's vocabulary of 49408. */
const maxIds = 1 << 22
const maxBytes = 1 << 26

export const wordEnd = '</w>'

/** CLIP's word pattern: contractions, runs of letters, single digits, runs of anything else. */
const words = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"

export function openTokenizer(folder: string): Tokenizer {
  const config = readObject(join(folder, 'tokenizer_config.json'))
  const specials = existsSync(join(folder, 'special_tokens_map.json'))
    ? readObject(join(folder, 'special_tokens_map.json'))
    : {}
  const special = (key: string, otherwise: string) => tokenText(config[key]) ?? tokenText(specials[key]) ?? otherwise
  const maxLength = config.model_max_length ?? defaultMaxLength
  const checkedLength = (value: unknown) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 3 && value <= 4096) return value
    const path = join(folder, 'tokenizer_config.json')
    throw new TokenizerError(`${path}: model_max_length is ${shown(value)}, not 3 to 4096 tokens`)
  }
  const eos = special('eos_token', '<|endoftext|>')
  return createTokenizer({
    vocab: readVocab(join(folder, 'vocab.json')),
    merges: readMerges(join(folder, 'merges.txt')),
    // Transformers writes 1e30 where it knows no length.
    modelMaxLength: typeof maxLength === 'number' && maxLength >= 1e6 ? defaultMaxLength : checkedLength(maxLength),
    bos: special('bos_token', '<|startoftext|>'),
    eos,
    pad: special('pad_token', eos),
  })
}

export function createTokenizer({ vocab, merges, modelMaxLength, ...tokens }: Vocabulary): Tokenizer {
  const idOf = (token: string) => {
    if (!Object.hasOwn(vocab, token)) throw new TokenizerError(`the vocabulary has no ${shown(token, "'")}`)
    return vocab[token]!
  }
  for (const [left, right] of merges) idOf(left + right)
  const [bos, eos, pad] = [idOf(tokens.bos), idOf(tokens.eos), idOf(tokens.pad)]
  const pairs = new BytePairs(describe(vocab, merges, tokens), {})
  return {
    size: Object.values(vocab).reduce((a, b) => Math.max(a, b), 0) + 1,
    modelMaxLength,
    bos,
    eos,
    pad,
    encode: (text) => pairs.encode(text, { add_special_tokens: false }).ids,
    padded(ids, length) {
      if (length < 2) throw new RangeError(`padded: ${length} tokens leave no room for begin and end`)
      const row = [bos, ...ids.slice(0, length - 2), eos]
      return [...row, ...new Array<number>(length - row.length).fill(pad)]
    },
  }
}

/** The `tokenizer.json` that CLIPTokenizerFast would save. */
function describe(
  vocab: Vocabulary['vocab'],
  merges: Vocabulary['merges'],
  { bos, eos }: { bos: string; eos: string },
): object {
  const added = { single_word: false, lstrip: false, rstrip: false, normalized: true, special: true }
  return {
    version: '1.0',
    added_tokens: [bos, eos].map((content) => ({ id: vocab[content], content, ...added })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: words }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', unk_token: eos, end_of_word_suffix: wordEnd, fuse_unk: false, vocab, merges },
  }
}

function readVocab(path: string): Record<string, number> {
  const vocab = readObject(path)
  for (const [token, id] of Object.entries(vocab)) {
    if (!Number.isSafeInteger(id) || (id as number) < 0 || (id as number) >= maxIds) {
      throw new TokenizerError(`${path}: ${shown(token, "'")} has the id ${shown(id)}`)
    }
  }
  return vocab as Record<string, number>
}

function readMerges(path: string): [string, string][] {
  const merges: [string, string][] = []
  for (const [i, line] of readText(path).split(/\r?\n/).entries()) {
    if (line === '' || (i === 0 && line.startsWith('#version'))) continue
    const [left, right, ...rest] = line.split(' ')
    if (!left || !right || rest.length > 0) {
      throw new TokenizerError(`${path}: line ${i + 1} is no pair of symbols: ${shown(line, "'")}`)
    }
    merges.push([left, right])
  }
  return merges
}

/** Only files, and of a size that a tokenizer may have: a pipe or a disk image would never be read to its end. */
function readText(path: string): string {
  try {
    const stat = statSync(path)
    if (!stat.isFile() || stat.size > maxBytes) throw new Error(`${stat.size} bytes are no file of a tokenizer`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new TokenizerError(`${path}: ${(error as Error).message}`, { cause: error })
  }
}

function readObject(path: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(readText(path))
  } catch (error) {
    if (error instanceof TokenizerError) throw error
    throw new TokenizerError(`${path}: ${(error as Error).message}`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TokenizerError(`${path}: no JSON object`)
  }
  return value as Record<string, unknown>
}

/** A special token is written as its text, or as an object with its text as `content`. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null || !('content' in value)) return undefined
  return typeof value.content === 'string' ? value.content : undefined
}
