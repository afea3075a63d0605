import assert from 'node:assert/strict'
import { test } from 'node:test'
import { captionFrame, captionMentions, captionText, describeIdentity } from './caption.ts'
import { randomFrames } from './frames.ts'
import { attributeValues } from './labels.ts'
import type { Level } from './levels.ts'
import type { Caption, Frame, Part } from './types.ts'
import type { Attribute } from './vocabulary.ts'
import {
  ACCESSORY_WORDS,
  ACTION_WORDS,
  EXPRESSION_WORDS,
  PLACE_WORDS,
  SPECIES_WORDS,
  TIME_WORDS,
  TOP_WORDS,
} from './words.ts'

function* samples(level: Level, count: number): Generator<{ frame: Frame; caption: Caption }> {
  for (let i = 0; i < count; i++) {
    const [frame] = randomFrames(5, i, 1, { level, split: 'train' })
    yield { frame: frame!, caption: captionFrame(frame!, { variant: i }) }
  }
}

/** What the caption says of one character, or of one part of it. */
const said = ({ segments }: Caption, character: number | undefined, part?: Part): string =>
  segments
    .filter((segment) => segment.character === character && (!part || segment.part === part))
    .map(({ text }) => text)
    .join(' ')

const saysOneOf = (text: string, words: readonly string[]): boolean => words.some((word) => text.includes(word))

test('what a caption mentions it says, and says right, in a segment of that character and part', () => {
  for (const level of [1, 2, 3] as const) {
    for (const { frame, caption } of samples(level, 600)) {
      for (const i of frame.actors.keys()) {
        const values = attributeValues(frame, i)
        const mentioned = new Set<Attribute>(captionMentions(caption, i))
        const face = said(caption, i, 'face')
        const upper = said(caption, i, 'upper')
        const whole = said(caption, i)
        const scenery = said(caption, undefined)
        const check = (attribute: Attribute, holds: boolean) =>
          assert.ok(!mentioned.has(attribute) || holds, `${attribute} ${values[attribute]}: ${captionText(caption)}`)
        const kinds = SPECIES_WORDS[values.species].map((word) => word.split(' ').at(-1)!)
        check('species', saysOneOf(face, kinds))
        check('fur', saysOneOf(face, [values.fur, 'skin']))
        check('topColour', upper.includes(values.topColour))
        check('topType', saysOneOf(upper, TOP_WORDS[values.topType]))
        check('topPattern', values.topPattern === 'plain' || /strip|dot/.test(upper))
        check('bottomColour', said(caption, i, 'lower').includes(values.bottomColour))
        check('action', saysOneOf(whole, [...ACTION_WORDS[values.action].does, ...ACTION_WORDS[values.action].doing]))
        const mood = EXPRESSION_WORDS[values.expression]
        check('expression', saysOneOf(whole, [...mood.adjectives, ...mood.adverbs]))
        check('facing', whole.includes(values.facing))
        check('place', saysOneOf(scenery, PLACE_WORDS[values.place]))
        check('time', saysOneOf(scenery, TIME_WORDS[values.time]))
        if (values.accessory !== 'none') check('accessory', saysOneOf(whole, ACCESSORY_WORDS[values.accessory]))
      }
    }
  }
})

test('what a caption does not mention it does not say', () => {
  for (const { frame, caption } of samples(1, 400)) {
    const mentioned = captionMentions(caption, 0)
    if (!mentioned.includes('topColour'))
      assert.equal(/shirt|sweater|tee|jumper|pullover/.test(captionText(caption)), false)
    if (!mentioned.includes('bottomColour')) assert.equal(said(caption, 0, 'lower'), '')
    if (!mentioned.includes('place'))
      assert.equal(saysOneOf(said(caption, undefined), PLACE_WORDS[frame.scene.place]), false)
  }
})

test('captions vary in wording and in how much they tell; about a quarter leave clothes out', () => {
  const [frame] = randomFrames(5, 1, 1, { level: 1, split: 'train' })
  const captions = Array.from({ length: 400 }, (_, variant) => captionFrame(frame!, { variant }))
  assert.ok(new Set(captions.map(captionText)).size > 350)
  const partial = captions.filter(
    ({ mentions }) => !mentions[0]!.includes('topColour') || !mentions[0]!.includes('bottomColour'),
  )
  assert.ok(partial.length > 60 && partial.length < 150, `${partial.length} of 400`)
  assert.deepEqual(captionFrame(frame!, { variant: 7 }), captionFrame(frame!, { variant: 7 }))
})

test('text is lower case words with single spaces, so segments tokenize as the whole does', () => {
  for (const level of [1, 3] as const) {
    for (const { caption } of samples(level, 400)) {
      const text = captionText(caption)
      assert.match(text, /^[a-z-]+( ([a-z-]+|,))*$/)
      assert.doesNotMatch(text, /, ,|, and ,|,$/)
      assert.doesNotMatch(text, /\ba (orange|amazed|angry|astonished|unhappy)\b|\ban (red|blue|plain)\b/)
    }
  }
})

test('named characters are introduced by name', () => {
  const [frame] = randomFrames(5, 1, 1, { level: 1, split: 'train' })
  const { segments } = captionFrame(frame!, { variant: 3, names: ['Pip'] })
  assert.ok(segments.some(({ text, character }) => text === 'pip' && character === 0))
})

test('a description tells everything about an identity and nothing else', () => {
  for (let set = 0; set < 200; set++) {
    const [frame] = randomFrames(9, set, 1, { level: 2, split: 'train' })
    const { identity } = frame!.actors[0]!
    const description = describeIdentity(identity, set)
    const text = captionText(description)
    for (const word of [identity.top.colour, identity.bottom.colour, identity.accessory?.colour ?? '']) {
      assert.ok(text.includes(word), text)
    }
    assert.equal(said(description, 0, 'upper').includes(identity.top.colour), true)
    assert.equal(captionMentions(description, 0).includes('action'), false)
  }
})

test('asking about a character that the caption does not have is an error', () => {
  const [frame] = randomFrames(5, 1, 1, { level: 1, split: 'train' })
  assert.throws(() => captionMentions(captionFrame(frame!), 1), /character 1 of 1/)
})
