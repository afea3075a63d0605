import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoryRequest } from '../story.ts'
import { framePrompts } from './frame-prompt.ts'
import { regionalPrompts } from './regional-prompts.ts'

const characters = [
  { id: 'fern', name: 'Fern', description: 'A gray fox wearing a red scarf' },
  { id: 'bo', name: 'Bo', description: 'A brown bear' },
  { id: 'pip', name: 'Pip', description: 'A pink pig' },
]
const columns = (prompt: string, about: { style?: string; characters?: string[] } = {}) => {
  const { style, characters: present } = about
  const frame = { prompt, ...(present && { characters: present }) }
  const request = StoryRequest.parse({ characters, frames: [frame], ...(style && { style }) })
  return regionalPrompts(framePrompts(request)[0]!)?.map(([, ...own]) => own.map(({ text }) => text).join(' ')) ?? null
}
const fox = 'a gray fox wearing a red scarf'

test('each character keeps its own deeds and gets the place that all share', () => {
  assert.deepEqual(columns('Fern is happy and waves and Bo sits in the forest at night'), [
    `${fox} is happy and waves in the forest at night`,
    'a brown bear sits in the forest at night',
  ])
  assert.deepEqual(columns('Bo reads, Fern jumps and Pip sleeps at the beach'), [
    'a brown bear reads at the beach',
    `${fox} jumps at the beach`,
    'a pink pig sleeps at the beach',
  ])
})

test('characters that are joined do the same, and a place of one’s own is kept', () => {
  assert.deepEqual(columns('Fern and Bo play in the snow'), [
    `${fox} play in the snow`,
    'a brown bear play in the snow',
  ])
  assert.deepEqual(columns('Fern waves on the hill and Bo sits by the fire'), [
    `${fox} waves on the hill`,
    'a brown bear sits by the fire',
  ])
  assert.deepEqual(columns('Fern sits beside Bo.'), [`${fox} sits beside`, 'a brown bear'])
  assert.deepEqual(columns('Fern waves at the beach to Bo'), [
    `${fox} waves at the beach to`,
    'a brown bear at the beach to',
  ])
})

test('what comes before the first name is everybody’s, and so are style and deeds of those that are not named', () => {
  assert.deepEqual(columns('In the castle Fern waves and Bo sits', { style: 'watercolour' }), [
    `watercolour , In the castle ${fox} waves`,
    'watercolour , In the castle a brown bear sits',
  ])
  assert.deepEqual(columns('they dance in the city', { characters: ['fern', 'pip'] }), [
    `${fox} dance in the city`,
    'a pink pig dance in the city',
  ])
})

test('a character that is named twice has both clauses, the second in short', () => {
  assert.deepEqual(columns('Fern waves, Bo sits and Fern laughs in the snow'), [
    `${fox} waves the gray fox laughs in the snow`,
    'a brown bear sits in the snow',
  ])
})

test('each prompt begins with the place of its column', () => {
  const places = (prompt: string) => {
    const request = StoryRequest.parse({ characters, frames: [{ prompt }] })
    return regionalPrompts(framePrompts(request)[0]!)?.map(([first]) => first!.text)
  }
  assert.deepEqual(places('Fern and Bo play'), ['on the left of two ,', 'on the right of two ,'])
  assert.deepEqual(places('Fern, Bo and Pip'), [
    'on the left of three ,',
    'in the middle of three ,',
    'on the right of three ,',
  ])
})

test('a frame of one character, or of none, is read as it is', () => {
  assert.equal(columns('Fern waves in the snow'), null)
  assert.equal(columns('an empty forest at night'), null)
})
