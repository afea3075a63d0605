/**
 * CLIP's own vocabulary, for checkpoints of one file, which bring none: the merges of openai/CLIP (MIT licence, beside
 * them), from which the vocabulary follows.
 */
import { join } from 'node:path'
import { createTokenizer, readMerges, type Tokenizer, wordEnd } from './tokenizer.ts'

const file = join(import.meta.dirname, '../../../models/clip-tokenizer/merges.txt')

/** What a text is padded with: SD's encoders take the end token, SDXL's second and SD 2's the token '!'. */
export type Padding = 'end' | '!'

const opened = new Map<Padding, Tokenizer>()

export function clipTokenizer(padding: Padding): Tokenizer {
  const before = opened.get(padding)
  if (before) return before
  const merges = readMerges(file)
  const letters = byteLetters()
  const [bos, eos] = ['<|startoftext|>', '<|endoftext|>']
  const words = [...letters, ...letters.map((letter) => letter + wordEnd), ...merges.map((pair) => pair.join(''))]
  const vocab = Object.fromEntries([...words, bos, eos].map((word, id) => [word, id]))
  const pad = padding === 'end' ? eos : padding
  const tokenizer = createTokenizer({ vocab, merges, modelMaxLength: 77, bos, eos, pad })
  opened.set(padding, tokenizer)
  return tokenizer
}

/** A visible letter for each byte, in the order of the vocabulary: printable Latin-1 as it is, the rest from U+0100 on. */
function byteLetters(): string[] {
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)
  const printable = [...range(33, 126), ...range(161, 172), ...range(174, 255)]
  const codes = [...printable, ...range(256, 256 + 255 - printable.length)]
  return codes.map((code) => String.fromCodePoint(code))
}
