import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { describeCollection } from './card.ts'
import { drawCatalogue } from './catalogue.ts'
import { drawSet, type FrameLabel } from './draw.ts'
import type { StoryDbOptions } from './options.ts'
import { drawSheet } from './sheet.ts'
import { countLabels } from './statistics.ts'
import { VOCABULARY } from './vocabulary.ts'

test('counts agree with plain loops over the labels, and the card tells them', async (t) => {
  const out = await mkdtemp(join(tmpdir(), 'statistics-'))
  t.after(() => rm(out, { recursive: true }))
  const options: StoryDbOptions = {
    out,
    sets: 12,
    frames: 2,
    seed: 3,
    level: 'all',
    split: 'train',
    size: 16,
    format: 'shards',
    shardImages: 12,
  }
  const labels: FrameLabel[] = []
  for (let set = 0; set < options.sets; set++) for await (const { label } of drawSet(options, set)) labels.push(label)
  const paths = ['a', 'b'].map((name) => join(out, name))
  for (const [i, path] of paths.entries()) {
    const lines = labels.slice(12 * i, 12 * (i + 1)).map((label) => `${JSON.stringify(label)}\n`)
    await writeFile(path, lines.join(''))
  }
  const statistics = await countLabels(paths)

  const characters = labels.flatMap((label) => label.characters)
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0)
  assert.equal(statistics.images, 24)
  assert.equal(statistics.characters, characters.length)
  assert.deepEqual(Object.fromEntries(statistics.levels), { 1: 4, 2: 8, 3: 12 })
  for (const n of [1, 2, 3]) {
    const frames = labels.filter((label) => label.characters.length === n)
    assert.equal(statistics.charactersAFrame.get(n) ?? 0, frames.length)
    assert.equal(statistics.examples.get(n), frames[0]?.caption)
  }
  for (const species of VOCABULARY.species) {
    const count = characters.filter(({ attributes }) => attributes.species === species).length
    assert.equal(statistics.values.species.get(species), count, species)
  }
  for (const place of VOCABULARY.place) {
    assert.equal(statistics.values.place.get(place), labels.filter(({ scene }) => scene.place === place).length, place)
  }
  assert.equal(statistics.imageBytes, sum(labels.map(({ bytes }) => bytes.image)))
  assert.equal(statistics.maskBytes, sum(labels.map(({ bytes }) => bytes.masks)))
  assert.equal(statistics.mirrored, labels.filter(({ layout }) => layout.mirrored).length)
  // A description says all of an identity, and a set has one for each of its characters.
  assert.equal(statistics.identities, new Set(characters.map(({ description }) => description)).size)
  const words = labels.map(({ caption }) => caption.split(' ').filter((word) => word !== ',').length)
  assert.equal(Math.max(...statistics.captionWords.keys()), Math.max(...words))
  assert.equal(sum([...statistics.captionWords].map(([length, count]) => length * count)), sum(words))

  const card = describeCollection(options, statistics)
  assert.match(card, /\| images \| 24 \|/)
  assert.match(card, /\| 3: one to three characters, whole vocabulary \| 12 \| 50\.0 % \|/)
  assert.match(card, new RegExp(`fox ${statistics.values.species.get('fox')}, bear`))
})

test('a sheet stays below 400 kB, also when it is full', async () => {
  const sheet = await drawSheet({
    out: '',
    sets: 12,
    frames: 4,
    seed: 1,
    level: 3,
    split: 'train',
    size: 128,
    format: 'folders',
    shardImages: 1000,
  })
  assert.ok(sheet.length < 400_000, `${sheet.length} bytes`)
  const catalogue = await drawCatalogue(6)
  assert.ok(catalogue.length < 400_000, `${catalogue.length} bytes`)
})
