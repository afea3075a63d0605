/** One story's pictures, as the judges see them, against what was asked for. */

import {
  backgroundDistance,
  bestPairing,
  copyPaste,
  dice,
  mean,
  meanOverPairs,
  poseDistance,
} from '../../story/measures/metrics.ts'
import type { Mask } from '../../story/measures/pictures.ts'
import { cosine } from '../../story/measures/verification.ts'
import { likeliest, type Sighting, type Verdict } from '../judges/judges.ts'
import { attributeValues } from '../storydb/labels.ts'
import type { Frame, Identity } from '../storydb/types.ts'
import { type Attribute, VOCABULARY } from '../storydb/vocabulary.ts'
import type { Tally } from './bootstrap.ts'

export const metricNames = [
  'attribute_accuracy',
  'agreement',
  'scene_accuracy',
  'action_accuracy',
  'leak_rate',
  'copy_paste',
  'background_diversity',
  'pose_diversity',
  'text_alignment',
  'map_dice',
  'seconds_per_story',
] as const
export type MetricName = (typeof metricNames)[number]
export type StoryScore = Record<MetricName, Tally>

export interface Shown {
  cast: readonly Identity[]
  /** What was asked for. */
  frames: readonly Frame[]
  /** One a frame. */
  verdicts: readonly Verdict[]
  /** Each frame's planes in −1 … 1, on the grid of the judges' masks. */
  planes: readonly Float32Array[]
  /** The judges on each character's reference picture; null where they did not find it there. */
  references: readonly (Sighting | null)[]
  /** For each frame, for each character of the cast, where it is said to be; null where nothing is said. */
  maps: readonly (readonly (Mask | null)[])[]
  seconds: number
}

/** What an identity consists of. Parts that lie apart on a body are one group: see `pairings`. */
const kinds: Record<string, { group: string; attributes: readonly Attribute[] }> = {
  species: { group: 'head', attributes: ['species'] },
  fur: { group: 'head', attributes: ['fur'] },
  hair: { group: 'head', attributes: ['hairStyle', 'hairColour'] },
  top: { group: 'top', attributes: ['topType', 'topColour', 'topPattern'] },
  bottom: { group: 'bottom', attributes: ['bottomType', 'bottomColour'] },
  accessory: { group: 'accessory', attributes: ['accessory', 'accessoryColour'] },
}
const groups = [...new Set(Object.values(kinds).map(({ group }) => group))]

/** What another character's look is recognised by: values that are far apart, so that a leak is one. */
const distinctive: readonly { group: string; name: Attribute }[] = [
  { group: 'head', name: 'species' },
  { group: 'head', name: 'fur' },
  { group: 'head', name: 'hairColour' },
  { group: 'top', name: 'topColour' },
  { group: 'bottom', name: 'bottomColour' },
  { group: 'accessory', name: 'accessory' },
]

type Values = ReturnType<typeof attributeValues>

/** One frame with its characters separated. */
interface Read {
  frame: Frame
  verdict: Verdict
  /** What each of the cast should look like and do here; null where it is not in the frame. */
  expected: readonly (Values | null)[]
  /** For each group of attributes, for each of the cast: who it is, if that group is ignored. */
  by: Record<string, readonly (Sighting | null)[]>
  /** The same by all of them. */
  who: readonly (Sighting | null)[]
}

export function scoreStory({ cast, frames, verdicts, planes, references, maps, seconds }: Shown): StoryScore {
  const reads = frames.map((frame, f) => read(frame, verdicts[f]!, cast))
  const everyone = reads.flatMap((one) => one.expected.flatMap((values, c) => (values ? [{ one, c, values }] : [])))
  const pictures = planes.map((own, f) => ({ planes: own, mask: verdicts[f]!.mask }))
  return {
    attribute_accuracy: tally(
      everyone.flatMap(({ one, c, values }) =>
        kindsOf(values).map(({ group, attributes }) => {
          const sighting = one.by[group]![c]
          return mean(
            attributes.map((name) => Number(sighting && likeliest(sighting.readings, name) === values[name])),
          )!
        }),
      ),
    ),
    agreement: tally(cast.flatMap((_, c) => agreements(reads, c))),
    scene_accuracy: tally(
      reads.map(({ frame: { scene }, verdict }) =>
        Number(likeliest(verdict.scene, 'place') === scene.place && likeliest(verdict.scene, 'time') === scene.time),
      ),
    ),
    action_accuracy: tally(
      everyone.map(({ one, c, values }) =>
        Number(one.who[c] && likeliest(one.who[c].readings, 'action') === values.action),
      ),
    ),
    leak_rate: tally(reads.flatMap((one) => (one.expected.filter(Boolean).length < 2 ? [] : [Number(leaks(one))]))),
    copy_paste: tally(
      everyone.flatMap(({ one, c }) => {
        const [own, reference] = [one.who[c], references[c]]
        if (!own || !reference) return []
        return [copyPaste(cosine(own.embedding, reference.embedding), cosine(own.embedding, reference.mirrored))]
      }),
    ),
    background_diversity: tally(meanOverPairs(pictures, backgroundDistance) ?? []),
    pose_diversity: tally(
      cast.flatMap(
        (_, c) =>
          meanOverPairs(
            reads.flatMap(({ who }) => who[c]?.mask ?? []),
            poseDistance,
          ) ?? [],
      ),
    ),
    text_alignment: tally(everyone.flatMap(({ one, c, values }) => stated(one, c, values))),
    map_dice: tally(
      reads.flatMap(({ who }, f) =>
        who.flatMap((sighting, c) => {
          const map = maps[f]?.[c]
          if (!sighting || !map) return []
          const side = Math.min(map.side, sighting.mask.side)
          return [dice(coarser(map, side), coarser(sighting.mask, side))]
        }),
      ),
    ),
    seconds_per_story: { sum: seconds, count: 1 },
  }
}

/**
 * Which of those seen is which of the cast, by how likely each looks like whom it should; but what a group of attributes is
 * scored for is decided by the other groups alone, so that a character with another's shirt is not taken for the other.
 */
function read(frame: Frame, verdict: Verdict, cast: readonly Identity[]): Read {
  const expected = cast.map((identity) => {
    const at = frame.actors.findIndex((actor) => actor.identity === identity)
    return at < 0 ? null : attributeValues(frame, at)
  })
  const seen = verdict.characters.filter((sighting) => sighting !== null)
  const present = expected.flatMap((values, c) => (values ? [{ values, c }] : []))
  const pair = (without: string | null): (Sighting | null)[] => {
    const score = (e: number, s: number) =>
      kindsOf(present[e]!.values)
        .filter(({ group }) => group !== without)
        .flatMap(({ attributes }) => attributes)
        .reduce((sum, name) => sum + Math.log(probability(seen[s]!, name, present[e]!.values) + 1e-6), 0)
    const partners = bestPairing(present.length, seen.length, score)
    return expected.map((_, c) => {
      const partner = partners[present.findIndex((one) => one.c === c)]
      return partner === null || partner === undefined ? null : seen[partner]!
    })
  }
  const by = Object.fromEntries(groups.map((group) => [group, pair(group)]))
  return { frame, verdict, expected, by, who: pair(null) }
}

/** The kinds of attributes a character has: no hair follows from the species, and a colour needs a thing to be on. */
function kindsOf(values: Values): { group: string; attributes: readonly Attribute[] }[] {
  return Object.values(kinds).flatMap(({ group, attributes }) => {
    const [first] = attributes
    if (first === 'hairStyle' && values.hairStyle === 'none') return []
    return [{ group, attributes: first === 'accessory' && values.accessory === 'none' ? [first] : attributes }]
  })
}

/** For each attribute of a character 1 where all frames that should show it show the same, whatever that is. */
function agreements(reads: readonly Read[], c: number): number[] {
  const showing = reads.filter(({ expected }) => expected[c])
  if (showing.length < 2) return []
  return kindsOf(showing[0]!.expected[c]!).flatMap(({ group, attributes }) =>
    attributes.map((name) => {
      const values = showing.map(({ by }) => by[group]![c] && likeliest(by[group]![c].readings, name))
      return Number(values.every((value) => value && value === values[0]))
    }),
  )
}

/** Whether a character of the frame shows an attribute that belongs to another one. */
function leaks({ expected, by }: Read): boolean {
  return distinctive.some(({ group, name }) =>
    expected.some((own, c) => {
      const sighting = by[group]![c]
      if (!own || !sighting) return false
      const value = likeliest(sighting.readings, name)
      return value !== 'none' && value !== own[name] && expected.some((other, o) => o !== c && other?.[name] === value)
    }),
  )
}

/** The judges' probability of each thing that the prompt states of a character and its scene. */
function stated({ who, verdict }: Read, c: number, values: Values): number[] {
  const names = [...kindsOf(values).flatMap(({ attributes }) => attributes), 'action' as const]
  if (values.action !== 'sleeping') names.push('expression')
  const sighting = who[c]
  return [
    ...names.map((name) => (sighting ? probability(sighting, name, values) : 0)),
    ...(['place', 'time'] as const).map((name) => verdict.scene[name]![indexOf(name, values)] ?? 0),
  ]
}

function probability({ readings }: Sighting, name: Attribute, values: Values): number {
  // A value that the judges do not know they never see.
  return readings[name]![indexOf(name, values)] ?? 0
}

function indexOf(name: Attribute, values: Values): number {
  const all: readonly string[] = VOCABULARY[name]
  return all.indexOf(values[name])
}

/** A mask on a coarser grid: means of the cells whose left upper corners lie in each of the new ones. */
function coarser({ data, side }: Mask, to: number): Mask {
  const [out, counts] = [new Float32Array(to * to), new Float32Array(to * to)]
  for (const [i, value] of data.entries()) {
    const cell = Math.floor((Math.floor(i / side) * to) / side) * to + Math.floor(((i % side) * to) / side)
    out[cell]! += value
    counts[cell]! += 1
  }
  return { data: out.map((sum, i) => sum / counts[i]!), side: to }
}

function tally(values: number | readonly number[]): Tally {
  const all = typeof values === 'number' ? [values] : values
  return { sum: all.reduce((a, b) => a + b, 0), count: all.length }
}
