/** Learns a small CLIP vocabulary from captions, and writes it as the files that CLIPTokenizer loads. */

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTokenizer, type Vocabulary, wordEnd } from '../../engine/io/tokenizer.ts'
import { writeJsonSync, writeWholeSync } from '../../engine/io/whole-file.ts'

const bos = '<|startoftext|>'
const eos = '<|endoftext|>'

/** A pair seen less often is no part of the language, and merging it would only memorise one word. */
const minimumCount = 2

/**
 * A vocabulary of at most `size` entries: every byte twice (within a word and at its end), then the merges in the order
 * in which byte-pair encoding finds them, then begin and end. The same captions always give the same vocabulary.
 */
export function trainVocabulary(captions: Iterable<string>, size: number, modelMaxLength = 64): Vocabulary {
  const bytes = byteSymbols()
  const base = [...bytes, ...bytes.map((symbol) => symbol + wordEnd)]
  if (size < base.length + 2) throw new RangeError(`trainVocabulary: ${size} entries, but bytes alone take 514`)

  const merges = learnMerges(countWords(captions, base), size - base.length - 2)
  return vocabularyOf(base, merges, modelMaxLength)
}

/**
 * `known` with further merges, up to `size` entries in all. What was there keeps its id, so that embeddings of it can be
 * kept; a text that needs none of the new merges is read as before.
 */
export function growVocabulary(known: Vocabulary, captions: Iterable<string>, size: number): Vocabulary {
  const bytes = byteSymbols()
  const words = countWords(captions, [...bytes, ...bytes.map((symbol) => symbol + wordEnd)])
  for (const pair of known.merges) mergeAll(words, pair)
  const vocab = { ...known.vocab }
  const merges = learnMerges(words, size - Object.keys(vocab).length)
  let next = Math.max(...Object.values(vocab)) + 1
  for (const pair of merges) vocab[pair.join('')] ??= next++
  return { ...known, vocab, merges: [...known.merges, ...merges] }
}

/** The vocabulary that `writeVocabulary` left in a folder. */
export function readVocabulary(folder: string): Vocabulary {
  const json = (file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8'))
  const lines = readFileSync(join(folder, 'merges.txt'), 'utf8').trim().split('\n').slice(1)
  const { model_max_length, bos_token, eos_token, pad_token } = json('tokenizer_config.json')
  return {
    vocab: json('vocab.json'),
    merges: lines.map((line) => line.split(' ') as [string, string]),
    modelMaxLength: model_max_length,
    bos: bos_token.content,
    eos: eos_token.content,
    pad: pad_token,
  }
}

/** Up to `count` merges in the order in which byte-pair encoding finds them. */
function learnMerges(words: readonly Word[], count: number): [string, string][] {
  const merges: [string, string][] = []
  while (merges.length < count) {
    const pair = mostFrequentPair(words)
    if (!pair) break
    merges.push(pair)
    mergeAll(words, pair)
  }
  return merges
}

function mergeAll(words: readonly Word[], pair: readonly [string, string]): void {
  for (const word of words) word.symbols = merge(word.symbols, pair)
}

/** Write `vocabulary` into `folder` in the layout of transformers. */
export function writeVocabulary(folder: string, { vocab, merges, modelMaxLength, ...tokens }: Vocabulary): void {
  const special = (content: string) => ({ content, lstrip: false, normalized: true, rstrip: false, single_word: false })
  const specials = {
    bos_token: special(tokens.bos),
    eos_token: special(tokens.eos),
    pad_token: tokens.pad,
    unk_token: special(tokens.eos),
  }
  const config = {
    ...Object.fromEntries(
      Object.entries(specials).map(([key, token]) => [
        key,
        typeof token === 'string' ? token : { __type: 'AddedToken', ...token },
      ]),
    ),
    add_prefix_space: false,
    do_lower_case: true,
    errors: 'replace',
    model_max_length: modelMaxLength,
    tokenizer_class: 'CLIPTokenizer',
  }
  mkdirSync(folder, { recursive: true })
  writeJsonSync(join(folder, 'vocab.json'), vocab, 0)
  const lines = ['#version: 0.2', ...merges.map((pair) => pair.join(' '))]
  writeWholeSync(join(folder, 'merges.txt'), `${lines.join('\n')}\n`)
  writeJsonSync(join(folder, 'tokenizer_config.json'), config)
  writeJsonSync(join(folder, 'special_tokens_map.json'), specials)
}

interface Word {
  symbols: readonly string[]
  readonly count: number
}

/** The words of all captions as byte symbols. The tokenizer without merges does the splitting, so both split alike. */
function countWords(captions: Iterable<string>, base: readonly string[]): Word[] {
  const { encode } = createTokenizer(vocabularyOf(base, [], 2))
  const counts = new Map<string, number>()
  for (const caption of captions) {
    let word: number[] = []
    for (const id of encode(caption)) {
      word.push(id)
      if (!base[id]?.endsWith(wordEnd)) continue
      const key = word.join(' ')
      counts.set(key, (counts.get(key) ?? 0) + 1)
      word = []
    }
  }
  return [...counts].map(([key, count]) => ({ symbols: key.split(' ').map((id) => base[Number(id)]!), count }))
}

/** Ties go to the pair that sorts first, so that the order of captions does not matter. */
function mostFrequentPair(words: readonly Word[]): [string, string] | undefined {
  const counts = new Map<string, number>()
  for (const { symbols, count } of words) {
    for (let i = 1; i < symbols.length; i++) {
      const pair = `${symbols[i - 1]} ${symbols[i]}`
      counts.set(pair, (counts.get(pair) ?? 0) + count)
    }
  }
  let best: string | undefined
  let most = minimumCount
  for (const [pair, count] of counts) {
    if (count > most || (count === most && (best === undefined || pair < best))) [best, most] = [pair, count]
  }
  return best?.split(' ') as [string, string] | undefined
}

function merge(symbols: readonly string[], [left, right]: readonly [string, string]): readonly string[] {
  const merged: string[] = []
  for (let i = 0; i < symbols.length; i++) {
    const joins = symbols[i] === left && symbols[i + 1] === right
    merged.push(joins ? left + right : symbols[i]!)
    if (joins) i++
  }
  return merged
}

function vocabularyOf(base: readonly string[], merges: [string, string][], modelMaxLength: number): Vocabulary {
  const entries = [...base, ...merges.map((pair) => pair.join('')), bos, eos]
  const vocab = Object.fromEntries(entries.map((entry, id) => [entry, id]))
  return { vocab, merges, modelMaxLength, bos, eos, pad: eos }
}

/** CLIP's printable character for each byte: visible Latin-1 stands for itself and comes first, the rest follow 255. */
function byteSymbols(): string[] {
  const visible = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 255 && byte !== 173)
  const bytes = Array.from({ length: 256 }, (_, byte) => byte)
  const hidden = bytes.filter((byte) => !visible(byte)).map((_, i) => 256 + i)
  return [...bytes.filter(visible), ...hidden].map((code) => String.fromCharCode(code))
}
