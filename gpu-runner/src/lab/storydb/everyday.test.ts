import assert from 'node:assert/strict'
import { test } from 'node:test'
import { captionFrame, captionText, describeIdentity } from './caption.ts'
import { everydayPrompt, outsideCaption } from './everyday.ts'
import {
  ACCESSORY_NOUNS,
  ACTION_VERBS,
  BOTTOM_NOUNS,
  CLOTH_COLOURS,
  DRESS_NOUNS,
  FUR_ADJECTIVES,
  HAIR_COLOURS,
  HOLDING_VERBS,
  MOODS,
  PLACES,
  SKIN_PHRASES,
  SPECIES_NOUNS,
  STANDING_NOUNS,
  TIMES,
  TOP_NOUNS,
  VIEWS,
  WEATHER,
} from './everyday-words.ts'
import { pluralOf } from './everyday-writer.ts'
import { randomFrames } from './frames.ts'
import { attributeValues } from './labels.ts'
import type { Level } from './levels.ts'
import type { HeldProp, StandingProp } from './props.ts'
import type { Caption, Frame, Part, Prop } from './types.ts'
import type { Attribute } from './vocabulary.ts'

const EVERYDAY: readonly Level[] = [5, 6]

function* samples(count: number, outside: boolean): Generator<{ frame: Frame; caption: Caption }> {
  for (const level of EVERYDAY) {
    for (let i = 0; i < count; i++) {
      const [frame] = randomFrames(15, i, 1, { level, split: 'train' })
      yield { frame: frame!, caption: captionFrame(frame!, { variant: i, style: 'everyday', outside }) }
    }
  }
}

const said = ({ segments }: Caption, character?: number, part?: Part): string =>
  segments
    .filter(
      (segment) => character === undefined || (segment.character === character && (!part || segment.part === part)),
    )
    .map(({ text }) => text)
    .join(' ')

/** Said of the scene, or with several for whom it holds. */
const ofAll = new Set<Attribute>(['place', 'time', 'weather', 'view', 'action', 'prop'])

const namesOf = (prop: Prop): readonly string[] =>
  prop in STANDING_NOUNS
    ? STANDING_NOUNS[prop as StandingProp]
    : ['teddy', ...HOLDING_VERBS[prop as HeldProp].flatMap(({ after }) => after)]

const saysOneOf = (text: string, words: readonly string[]): boolean => words.some((word) => text.includes(word))

test('what an everyday caption mentions it says in a segment of that character and part', () => {
  for (const { frame, caption } of samples(1500, false)) {
    for (const i of frame.actors.keys()) {
      const values = attributeValues(frame, i)
      const mentioned = new Set<Attribute>(caption.mentions[i])
      const check = (attribute: Attribute, part: Part | undefined, words: readonly string[]) => {
        const text = ofAll.has(attribute) ? said(caption) : said(caption, i, part)
        assert.ok(!mentioned.has(attribute) || saysOneOf(text, words), `${attribute}: ${captionText(caption)}`)
      }
      const kinds = SPECIES_NOUNS[values.species]
      check('species', undefined, [...kinds, ...kinds.map(pluralOf)])
      check(
        'fur',
        'face',
        FUR_ADJECTIVES[values.fur] ? [...FUR_ADJECTIVES[values.fur]!, 'red'] : SKIN_PHRASES[values.fur]!,
      )
      if (values.hairColour !== 'none') check('hairColour', 'face', HAIR_COLOURS[values.hairColour])
      check('topColour', 'upper', CLOTH_COLOURS[values.topColour])
      check('topType', 'upper', TOP_NOUNS[values.topType])
      if (values.topPattern !== 'plain') check('topPattern', 'upper', ['strip', 'dot', 'spot'])
      const dress = saysOneOf(said(caption, i, 'upper'), DRESS_NOUNS)
      if (!dress) check('bottomColour', 'lower', CLOTH_COLOURS[values.bottomColour])
      if (!dress) check('bottomType', 'lower', BOTTOM_NOUNS[values.bottomType])
      if (values.accessory !== 'none') check('accessory', undefined, ACCESSORY_NOUNS[values.accessory])
      const { action, prop } = frame.actors[i]!
      const verbs = action === 'holding' ? HOLDING_VERBS[prop as HeldProp] : ACTION_VERBS[action]
      check(
        'action',
        undefined,
        verbs.flatMap(({ forms }) => forms),
      )
      const mood = MOODS[values.expression]
      check('expression', undefined, [...mood.adjectives, ...mood.adverbs, ...mood.phrases, ...mood.verbs])
      check('facing', undefined, [values.facing])
      check('place', undefined, [...PLACES[values.place].nouns, ...PLACES[values.place].fixed])
      check('time', undefined, TIMES[values.time])
      if (values.weather !== 'clear') check('weather', undefined, WEATHER[values.weather])
      const { view } = values
      if (view !== 'medium') check('view', undefined, [...VIEWS[view].before, ...VIEWS[view].after])
      if (values.prop !== 'none') check('prop', undefined, namesOf(values.prop))
    }
  }
})

test('outside words change nothing of what a caption says, but for a kind that nobody draws', () => {
  let louder = 0
  for (let i = 0; i < 800; i++) {
    const [frame] = randomFrames(16, i, 1, { level: i % 2 ? 5 : 6, split: 'train' })
    const [loud, quiet] = [true, false].map((outside) =>
      captionFrame(frame!, { variant: i, style: 'everyday', outside }),
    )
    if (captionText(loud!) !== captionText(quiet!)) louder++
    for (const [c, mentions] of loud!.mentions.entries()) {
      const lost = quiet!.mentions[c]!.filter((name) => !mentions.includes(name))
      assert.deepEqual(
        lost.filter((name) => !['species', 'hairStyle', 'hairColour'].includes(name)),
        [],
        captionText(loud!),
      )
      assert.ok(mentions.every((name) => quiet!.mentions[c]!.includes(name)))
    }
  }
  assert.ok(louder > 300 && louder < 700, `${louder} of 800 have outside words`)
})

test('wordings are many, and the same for the same variant', () => {
  const [frame] = randomFrames(5, 1, 1, { level: 5, split: 'train' })
  const texts = Array.from({ length: 400 }, (_, variant) =>
    captionText(captionFrame(frame!, { variant, style: 'everyday', outside: false })),
  )
  assert.ok(new Set(texts).size > 390)
  assert.deepEqual(
    captionFrame(frame!, { variant: 7, style: 'everyday' }),
    captionFrame(frame!, { variant: 7, style: 'everyday' }),
  )
})

test('text is words and punctuation with single spaces, so segments tokenize as the whole does', () => {
  for (const { caption } of samples(1500, true)) {
    const text = captionText(caption)
    assert.match(text, /^[a-z0-9'-]+( ([a-z0-9'-]+|[,.!]))*$/)
    assert.doesNotMatch(text, /, ,|, and ,|, \.|\. \./)
    assert.doesNotMatch(text, /\ba (orange|amazed|angry|astonished|unhappy)\b|\ban (red|blue|plain)\b/)
  }
})

test('given names are used, and their words are about that character', () => {
  const [frame] = randomFrames(5, 1, 1, { level: 1, split: 'train' })
  for (let variant = 0; variant < 50; variant++) {
    const { segments } = captionFrame(frame!, { variant, names: ['Pip'], style: 'everyday' })
    const named = segments.filter(({ text }) => /\bpip\b/.test(text))
    assert.ok(named.every(({ character }) => character === 0))
  }
})

test('a description tells all colours of an identity', () => {
  for (let set = 0; set < 300; set++) {
    const { identity } = randomFrames(9, set, 1, { level: 5, split: 'train' })[0]!.actors[0]!
    const { segments, mentions } = describeIdentity(identity, set, { style: 'everyday', outside: set % 2 === 0 })
    const text = captionText({ segments })
    for (const { colour } of [identity.top, identity.bottom, ...(identity.accessory ? [identity.accessory] : [])])
      assert.ok(saysOneOf(text, CLOTH_COLOURS[colour]), text)
    for (const name of ['species', 'fur', 'topPattern', 'bottomType', 'accessory'] as const)
      assert.ok(mentions[0]!.includes(name), `${name}: ${text}`)
    assert.equal(
      segments.every(({ character }) => character === undefined || character === 0),
      true,
    )
  }
})

test('a caption of nothing but outside words says something of nobody', () => {
  for (let variant = 0; variant < 50; variant++) {
    const [segment] = outsideCaption(variant)
    assert.equal(segment!.character, undefined)
    assert.notEqual(segment!.text, '')
  }
})

test('a prompt names everybody and tells all that happens, when and where', () => {
  for (let set = 0; set < 300; set++) {
    const [frame] = randomFrames(9, set, 1, { level: 6, split: 'held-out' })
    const names = ['Pip', 'Mo', 'Zuzu'].slice(0, frame!.actors.length)
    const prompt = everydayPrompt(frame!, { variant: set, names, outside: true })
    for (const name of names) assert.equal(prompt.split(name).length, 2, prompt)
    const { place, time, weather, view } = frame!.scene
    assert.ok(saysOneOf(prompt, TIMES[time]), prompt)
    assert.ok(
      saysOneOf(prompt, [...PLACES[place].nouns, ...PLACES[place].fixed.map((text) => text.split(' ').at(-1)!)]),
    )
    if (weather) assert.ok(saysOneOf(prompt, WEATHER[weather]), prompt)
    if (view)
      assert.ok(
        saysOneOf(prompt, [...VIEWS[view].before.map((text) => text.replace(' ,', ',')), ...VIEWS[view].after]),
        prompt,
      )
  }
})
