import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openTokenizer, TokenizerError } from './tokenizer.ts'

const golden = join(import.meta.dirname, '../../../../test/golden/clip-tokenizer-small')

interface Row {
  readonly text: string
  readonly ids: readonly number[]
  readonly variants?: { readonly fast?: readonly number[] }
  readonly padded77?: readonly number[]
}

/** A copy of the golden folder, to be spoiled. */
async function copy(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tokenizer-'))
  t.after(() => rm(path, { recursive: true }))
  cpSync(golden, path, { recursive: true })
  return path
}

test('every golden string has the ids of CLIPTokenizerFast', () => {
  const tokenizer = openTokenizer(golden)
  const rows: Row[] = JSON.parse(readFileSync(join(golden, 'strings.json'), 'utf8'))
  assert.ok(rows.length > 100)
  for (const { text, ids, variants, padded77 } of rows) {
    const encoded = tokenizer.encode(text)
    assert.deepEqual(encoded, variants?.fast ?? ids, text)
    if (padded77 && !variants?.fast) assert.deepEqual(tokenizer.padded(encoded, 77), padded77, text)
  }
})

test('rows are cut or padded to their length', () => {
  const { padded, bos, eos, pad, modelMaxLength, size } = openTokenizer(golden)
  assert.deepEqual(padded([5, 6], 6), [bos, 5, 6, eos, pad, pad])
  assert.deepEqual(padded([5, 6, 7, 8], 4), [bos, 5, 6, eos])
  assert.deepEqual(padded([], 2), [bos, eos])
  assert.throws(() => padded([5], 1), /1 tokens leave no room/)
  assert.deepEqual([modelMaxLength, size, eos], [77, eos + 1, bos + 1])
})

test('what does not fit is cut at the end', () => {
  const { encode, padded, modelMaxLength, bos, eos } = openTokenizer(golden)
  const prompt = `${'a red fox, '.repeat(18)}a café in the rain, çá 日本!`
  const ids = encode(prompt)
  assert.ok(ids.length > 75)
  const row = padded(ids, modelMaxLength)
  assert.deepEqual(row, [bos, ...ids.slice(0, 75), eos])
})

test('the padding token may be any of the vocabulary, written either way', async (t) => {
  const folder = await copy(t)
  const config = JSON.parse(readFileSync(join(golden, 'tokenizer_config.json'), 'utf8'))
  const write = (change: object) =>
    writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ ...config, ...change }))
  write({ pad_token: '!', model_max_length: 1e30 })
  assert.deepEqual([openTokenizer(folder).pad, openTokenizer(folder).modelMaxLength], [0, 77])
  write({ pad_token: { content: '"' } })
  assert.equal(openTokenizer(folder).pad, 1)
  write({ pad_token: '<pad>' })
  assert.throws(() => openTokenizer(folder), /the vocabulary has no '<pad>'/)
})

test('a tokenizer.json alone, its merges written either way, has the ids of the files that it was made from', async (t) => {
  const folder = await copy(t)
  const vocab = JSON.parse(readFileSync(join(folder, 'vocab.json'), 'utf8'))
  const lines = readFileSync(join(folder, 'merges.txt'), 'utf8').trim().split('\n').slice(1)
  const { encode } = openTokenizer(golden)
  const text = "a café, Fern's 3 red foxes"
  for (const name of ['vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json'])
    rmSync(join(folder, name), { force: true })
  const write = (model: object) => writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ model }))
  const bytePairs = { type: 'BPE', end_of_word_suffix: '</w>', vocab }
  for (const merges of [lines, lines.map((line) => line.split(' '))]) {
    write({ ...bytePairs, merges })
    const own = openTokenizer(folder)
    assert.deepEqual(own.encode(text), encode(text))
    assert.deepEqual([own.pad, own.modelMaxLength], [own.eos, 77])
  }
  for (const [model, problem] of [
    [{ type: 'Unigram' }, /tokenizer\.json: its model is "Unigram"/],
    [{ ...bytePairs, merges: ['a b c'] }, /merge 1 is no pair of symbols/],
    [{ ...bytePairs, vocab: { a: -1 }, merges: [] }, /'a' has the id -1/],
  ] as const) {
    write(model)
    assert.throws(
      () => openTokenizer(folder),
      (error) => error instanceof TokenizerError && problem.test(error.message),
    )
  }
})

test('words of added_tokens.json have their own ids, whatever their case, and others keep theirs', async (t) => {
  const folder = await copy(t)
  const { encode, size } = openTokenizer(golden)
  writeFileSync(join(folder, 'added_tokens.json'), JSON.stringify({ '<Cat-Toy>': size + 1, fernfox: size }))
  const own = openTokenizer(folder)
  assert.equal(own.size, size + 2)
  assert.deepEqual(own.encode('a <cat-toy> here'), [...encode('a'), size + 1, ...encode('here')])
  assert.deepEqual(own.encode('fernfox'), [size])
  const several = own.withWords(new Map([['style', [7, 8, 9]]]))
  assert.deepEqual(several.encode('fernfox style'), [size, 7, 8, 9])
})

test('a folder that is no tokenizer is refused', async (t) => {
  const cases: [file: string, content: string, problem: RegExp][] = [
    ['vocab.json', '{"a": ', /vocab\.json: .*JSON/],
    ['vocab.json', '["a"]', /vocab\.json: no JSON object/],
    ['vocab.json', '{"a": "1"}', /vocab\.json: 'a' has the id "1"/],
    ['vocab.json', '{"a": 1}', /the vocabulary has no '/],
    ['merges.txt', '#version: 0.2\na b\nabc\n', /merges\.txt: line 3 is no pair of symbols: 'abc'/],
    ['merges.txt', 'unheard of\n', /the vocabulary has no 'unheardof'/],
    ['merges.txt', 'const ructor\n', /the vocabulary has no 'constructor'/],
    ['vocab.json', '{"a": 1e15}', /'a' has the id 1000000000000000/],
    ['tokenizer_config.json', '{"model_max_length": -5}', /model_max_length is -5, not 3 to 4096/],
    ['tokenizer_config.json', '{"model_max_length": "77"}', /model_max_length is "77"/],
  ]
  for (const [file, content, problem] of cases) {
    const folder = await copy(t)
    writeFileSync(join(folder, file), content)
    assert.throws(
      () => openTokenizer(folder),
      (error) => error instanceof TokenizerError && problem.test(error.message),
    )
  }
  assert.throws(() => openTokenizer('/nowhere'), /vocab\.json: ENOENT/)
  const folder = await copy(t)
  rmSync(join(folder, 'merges.txt'))
  assert.throws(
    () => openTokenizer(folder),
    (error) => error instanceof TokenizerError && /ENOENT/.test(error.message),
  )
})
