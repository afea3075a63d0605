import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createTokenizer, openTokenizer } from '../../engine/io/tokenizer.ts'
import { growVocabulary, readVocabulary, trainVocabulary, writeVocabulary } from './vocabulary.ts'

const captions = ['fox', 'bear', 'rabbit'].flatMap((species) =>
  ['red', 'blue', 'striped'].flatMap((colour) => [
    `A ${species} wearing a ${colour} shirt , waves at the beach`,
    `the ${species}'s ${colour} hat , reads in the forest at night`,
  ]),
)

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'vocabulary-'))
  t.after(() => rm(path, { recursive: true }))
  return path
}

test('common words become one token, and the files read back the same', async (t) => {
  const path = await folder(t)
  const vocabulary = trainVocabulary(captions, 1024)
  writeVocabulary(path, vocabulary)
  const tokenizer = openTokenizer(path)
  for (const word of ['fox', 'rabbit', 'wearing', 'Striped', 'beach', 'forest', 'night', ',']) {
    assert.equal(tokenizer.encode(word).length, 1, word)
  }
  assert.equal(tokenizer.encode(captions[0]!).length, captions[0]!.split(' ').length)
  assert.equal(tokenizer.modelMaxLength, 64)
  assert.equal(tokenizer.size, 514 + vocabulary.merges.length)
  assert.deepEqual(
    [tokenizer.bos, tokenizer.eos, tokenizer.pad],
    [1, 0, 0].map((back) => tokenizer.size - 1 - back),
  )
})

test('a vocabulary grows by the words of new captions, and all that it knew keeps its id', async (t) => {
  const path = await folder(t)
  const known = trainVocabulary(captions, 1024)
  writeVocabulary(path, known)
  assert.deepEqual(readVocabulary(path), known)
  const grown = growVocabulary(readVocabulary(path), ['a tiger by the umbrella', 'the tiger , an umbrella'], 1024)
  writeVocabulary(path, grown)
  const [before, after] = [createTokenizer(known), openTokenizer(path)]
  for (const [token, id] of Object.entries(known.vocab)) assert.equal(grown.vocab[token], id)
  assert.deepEqual([after.bos, after.eos, after.pad], [before.bos, before.eos, before.pad])
  for (const word of ['tiger', 'umbrella', 'rabbit']) assert.equal(after.encode(word).length, 1, word)
  assert.ok(before.encode('tiger').length > 1)
  assert.deepEqual(after.encode(captions[0]!), before.encode(captions[0]!))
  const few = growVocabulary(known, ['tiger tiger'], Object.keys(known.vocab).length + 2)
  assert.equal(createTokenizer(few).size, before.size + 2)
})

test('any text survives as bytes', async (t) => {
  const path = await folder(t)
  const vocabulary = trainVocabulary(captions, 560)
  writeVocabulary(path, vocabulary)
  assert.equal(Object.keys(vocabulary.vocab).length, 560)
  const symbols = new Map(Object.entries(vocabulary.vocab).map(([symbol, id]) => [id, symbol]))
  const text = 'zwölf 猫 🚀 xylophones'
  const decoded = openTokenizer(path)
    .encode(text)
    .map((id) => symbols.get(id)!)
    .join('')
  const expected = text.split(' ').map((word) => `${latin1(Buffer.from(word))}</w>`)
  assert.equal(decoded, expected.join(''))
})

test('the order of captions does not matter, and the base is that of CLIP', () => {
  const vocabulary = trainVocabulary(captions, 560)
  assert.deepEqual(trainVocabulary(captions.toReversed(), 560), vocabulary)
  const golden = join(import.meta.dirname, '../../../../test/golden/clip-tokenizer-small/vocab.json')
  const bytes = (vocab: object) => Object.fromEntries(Object.entries(vocab).filter(([, id]) => id < 512))
  assert.deepEqual(bytes(vocabulary.vocab), bytes(JSON.parse(readFileSync(golden, 'utf8'))))
})

test('merges are learned by count', () => {
  const { merges } = trainVocabulary(['ab ab ab', 'cab', 'cd'], 1024)
  assert.deepEqual(merges, [['a', 'b</w>']])
})

test('no captions give the bytes alone, and a size below that is refused', () => {
  assert.equal(Object.keys(trainVocabulary([], 1024).vocab).length, 514)
  assert.throws(() => trainVocabulary(captions, 513), /513 entries, but bytes alone take 514/)
})

/** CLIP's printable stand-ins for bytes, by their definition: hidden bytes count up from 256 in order. */
function latin1(bytes: Buffer): string {
  const isHidden = (byte: number) => byte < 33 || (byte > 126 && byte < 161) || byte === 173
  const hidden = Array.from({ length: 256 }, (_, byte) => byte).filter(isHidden)
  return [...bytes].map((b) => String.fromCharCode(isHidden(b) ? 256 + hidden.indexOf(b) : b)).join('')
}
