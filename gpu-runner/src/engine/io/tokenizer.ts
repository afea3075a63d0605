/**
 * CLIP's byte-pair tokenizer, from the files of a model folder.
 *
 * Published CLIP tokenizers clean text differently before the same merges; this one follows transformers'
 * CLIPTokenizerFast throughout: NFC, white space collapsed, lower case; neither ftfy nor HTML entities.
 *
 * A text longer than the encoder's positions is cut by `padded`, which keeps the beginning; `pipeline/prompt-chunks.ts`
 * divides one into several.
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
  /** The same with further words, each for the ids given; upper and lower case are the same. */
  withWords(words: ReadonlyMap<string, readonly number[]>): Tokenizer
}

export interface Vocabulary {
  readonly vocab: Readonly<Record<string, number>>
  /** Pairs of symbols, the first to be merged first. */
  readonly merges: readonly (readonly [string, string])[]
  readonly modelMaxLength: number
  /** Words that are no result of merges, and the ids that each stands for. */
  readonly added?: ReadonlyMap<string, readonly number[]>
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
const wordPattern = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"

/** The files of a tokenizer by name: those of a folder, or texts. `path` is what errors call them. */
export interface TokenizerFiles {
  readonly path: string
  has(name: string): boolean
  /** Throws `TokenizerError`. */
  text(name: string): string
}

export function openTokenizer(folder: string): Tokenizer {
  const at = (name: string) => join(folder, name)
  return readTokenizer({ path: folder, has: (name) => existsSync(at(name)), text: (name) => readText(at(name)) })
}

/**
 * The tokenizer of `vocab.json` and `merges.txt`, or of a `tokenizer.json` alone, which holds both. Words of
 * `added_tokens.json` have the ids given there. Throws `TokenizerError`.
 */
export function readTokenizer(files: TokenizerFiles): Tokenizer {
  const isWhole = files.has('tokenizer.json') && !files.has('vocab.json')
  const { vocab, merges, added } = isWhole
    ? readWhole(files)
    : { vocab: readVocab(files, 'vocab.json'), merges: parseMerges(files), added: {} }
  const read = (name: string, isWanted = files.has(name)) => (isWanted ? readObject(files, name) : {})
  const config = read('tokenizer_config.json', !isWhole || files.has('tokenizer_config.json'))
  const specials = read('special_tokens_map.json')
  const special = (key: string, otherwise: string) => tokenText(config[key]) ?? tokenText(specials[key]) ?? otherwise
  const more = files.has('added_tokens.json') ? readVocab(files, 'added_tokens.json') : {}
  const maxLength = config.model_max_length ?? defaultMaxLength
  const checkedLength = (value: unknown) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 3 && value <= 4096) return value
    const path = join(files.path, 'tokenizer_config.json')
    throw new TokenizerError(`${path}: model_max_length is ${shown(value)}, not 3 to 4096 tokens`)
  }
  const eos = special('eos_token', '<|endoftext|>')
  const words = Object.entries({ ...added, ...more }).filter(([word, id]) => vocab[word] !== id)
  return createTokenizer({
    vocab,
    merges,
    added: new Map(words.map(([word, id]) => [word, [id]])),
    // Transformers writes 1e30 where it knows no length.
    modelMaxLength: typeof maxLength === 'number' && maxLength >= 1e6 ? defaultMaxLength : checkedLength(maxLength),
    bos: special('bos_token', '<|startoftext|>'),
    eos,
    pad: special('pad_token', eos),
  })
}

export function createTokenizer({
  vocab,
  merges,
  modelMaxLength,
  added = new Map(),
  ...tokens
}: Vocabulary): Tokenizer {
  const words = new Map([...added].map(([word, ids]) => [word.toLowerCase(), ids]))
  const known = (token: string) => (Object.hasOwn(vocab, token) ? vocab[token] : words.get(token)?.[0])
  const idOf = (token: string) => {
    const id = known(token)
    if (id === undefined) throw new TokenizerError(`the vocabulary has no ${shown(token, "'")}`)
    return id
  }
  for (const [left, right] of merges) idOf(left + right)
  const [bos, eos, pad] = [idOf(tokens.bos), idOf(tokens.eos), idOf(tokens.pad)]
  const size = [...Object.values(vocab), ...[...words.values()].flat()].reduce((a, b) => Math.max(a, b), 0) + 1
  // An added word stands for one id while the text is cut, and for its own ids afterwards.
  const places = [...words].map(([word, ids], i) => ({ word, ids, place: size + i }))
  const pairs = new BytePairs(describe(vocab, merges, tokens, places), {})
  return {
    size,
    modelMaxLength,
    bos,
    eos,
    pad,
    encode(text) {
      const ids: number[] = pairs.encode(text, { add_special_tokens: false }).ids
      return places.length === 0 ? ids : ids.flatMap((id) => places[id - size]?.ids ?? [id])
    },
    padded(ids, length) {
      if (length < 2) throw new RangeError(`padded: ${length} tokens leave no room for begin and end`)
      const row = [bos, ...ids.slice(0, length - 2), eos]
      return [...row, ...new Array<number>(length - row.length).fill(pad)]
    },
    withWords: (more) =>
      createTokenizer({ vocab, merges, modelMaxLength, ...tokens, added: new Map([...added, ...more]) }),
  }
}

/** The `tokenizer.json` that CLIPTokenizerFast would save. */
function describe(
  vocab: Vocabulary['vocab'],
  merges: Vocabulary['merges'],
  { bos, eos }: { bos: string; eos: string },
  words: readonly { readonly word: string; readonly place: number }[],
): object {
  const added = { single_word: false, lstrip: false, rstrip: false, normalized: true, special: true }
  return {
    version: '1.0',
    added_tokens: [
      ...[bos, eos].map((content) => ({ id: vocab[content], content, ...added })),
      ...words.map(({ word, place }) => ({ id: place, content: word, ...added })),
    ],
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
        { type: 'Split', pattern: { Regex: wordPattern }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', unk_token: eos, end_of_word_suffix: wordEnd, fuse_unk: false, vocab, merges },
  }
}

/** What a `tokenizer.json` holds of CLIP's kind: byte pairs whose words end in `</w>`. */
function readWhole(files: TokenizerFiles): Pick<Vocabulary, 'vocab' | 'merges'> & { added: Record<string, number> } {
  const path = join(files.path, 'tokenizer.json')
  const fail = (problem: string) => new TokenizerError(`${path}: ${problem}`)
  const { model, added_tokens: listed } = readObject(files, 'tokenizer.json')
  if (!isObject(model)) throw fail('it holds no model')
  const { type, end_of_word_suffix: end } = model
  if (type !== 'BPE' || end !== wordEnd)
    throw fail(
      `its model is ${shown(type)} with words that end in ${shown(end)}; CLIP's, BPE and '${wordEnd}', is read`,
    )
  if (!isObject(model.vocab) || !Array.isArray(model.merges)) throw fail('its model lacks vocab or merges')
  const merges = model.merges.map((merge: unknown, i): [string, string] => {
    const pair: unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : []
    const [left, right, ...rest] = pair
    if (typeof left === 'string' && typeof right === 'string' && left && right && rest.length === 0)
      return [left, right]
    throw fail(`merge ${i + 1} is no pair of symbols: ${shown(merge)}`)
  })
  const added: Record<string, unknown> = {}
  for (const entry of Array.isArray(listed) ? listed : [])
    if (isObject(entry) && typeof entry.content === 'string') added[entry.content] = entry.id
  return { vocab: checkedVocab(path, model.vocab), merges, added: checkedVocab(path, added) }
}

const readVocab = (files: TokenizerFiles, name: string) => checkedVocab(join(files.path, name), readObject(files, name))

function checkedVocab(path: string, vocab: Record<string, unknown>): Record<string, number> {
  for (const [token, id] of Object.entries(vocab)) {
    if (!Number.isSafeInteger(id) || (id as number) < 0 || (id as number) >= maxIds) {
      throw new TokenizerError(`${path}: ${shown(token, "'")} has the id ${shown(id)}`)
    }
  }
  return vocab as Record<string, number>
}

/** The pairs of a file such as `merges.txt`. Throws `TokenizerError`. */
export const readMerges = (path: string): [string, string][] => mergesIn(path, readText(path))

const parseMerges = (files: TokenizerFiles) => mergesIn(join(files.path, 'merges.txt'), files.text('merges.txt'))

function mergesIn(path: string, text: string): [string, string][] {
  const merges: [string, string][] = []
  for (const [i, line] of text.split(/\r?\n/).entries()) {
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

function readObject(files: TokenizerFiles, name: string): Record<string, unknown> {
  const path = join(files.path, name)
  let value: unknown
  try {
    value = JSON.parse(files.text(name))
  } catch (error) {
    if (error instanceof TokenizerError) throw error
    throw new TokenizerError(`${path}: ${(error as Error).message}`, { cause: error })
  }
  if (!isObject(value)) throw new TokenizerError(`${path}: no JSON object`)
  return value
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A special token is written as its text, or as an object with its text as `content`. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null || !('content' in value)) return undefined
  return typeof value.content === 'string' ? value.content : undefined
}
