/**
 * Every attribute a StoryDB frame can have. The order is a contract: class indices of trained classifiers are positions
 * in these lists, so values are only ever appended. Levels 1 and 4 use the first values of each list.
 */
import type { Level } from './levels.ts'

export const COLOURS = [
  'red',
  'blue',
  'green',
  'yellow',
  'purple',
  'white',
  'black',
  'orange',
  'pink',
  'gray',
  'brown',
] as const

export const VOCABULARY = {
  species: [
    'fox',
    'bear',
    'rabbit',
    'cat',
    'pig',
    'frog',
    'robot',
    'girl',
    'boy',
    'mouse',
    'dog',
    'panda',
    'penguin',
    'elephant',
    'lion',
    'tiger',
    'monkey',
    'owl',
    'duck',
    'cow',
    'horse',
    'sheep',
    'dragon',
    'squirrel',
  ] as const,
  /** Fur, metal or skin; `fair`, `tan` and `dark` are skin. */
  fur: [
    'orange',
    'brown',
    'gray',
    'white',
    'black',
    'pink',
    'green',
    'purple',
    'blue',
    'yellow',
    'fair',
    'tan',
    'dark',
    'red',
  ] as const,
  hairStyle: ['none', 'long', 'pigtails', 'short', 'curly', 'bun', 'spiky'] as const,
  hairColour: ['none', 'black', 'blond', 'red', 'brown', 'blue', 'pink'] as const,
  topType: ['shirt', 'sweater', 'jacket', 'hoodie'] as const,
  topColour: COLOURS,
  topPattern: ['plain', 'striped', 'dotted'] as const,
  bottomType: ['pants', 'shorts', 'skirt'] as const,
  bottomColour: COLOURS,
  accessory: ['none', 'crown', 'cap', 'scarf', 'party hat', 'glasses', 'bow', 'backpack', 'wizard hat'] as const,
  accessoryColour: ['none', ...COLOURS] as const,
  action: [
    'standing',
    'waving',
    'cheering',
    'sitting',
    'jumping',
    'running',
    'reading',
    'balloon',
    'sleeping',
    'pointing',
    'eating',
    'dancing',
    'flower',
    'kicking',
    'walking',
    'swimming',
    'riding',
    'hugging',
    'giving',
    'painting',
    'singing',
    'fishing',
    'drinking',
    'holding',
  ] as const,
  expression: ['happy', 'sad', 'surprised', 'angry'] as const,
  facing: ['left', 'right'] as const,
  place: [
    'forest',
    'beach',
    'city',
    'snow',
    'desert',
    'bedroom',
    'castle',
    'underwater',
    'space',
    'farm',
    'kitchen',
    'park',
    'library',
    'circus',
    'living room',
    'bathroom',
    'classroom',
    'shop',
    'garden',
    'meadow',
    'mountain',
    'lake',
    'cave',
    'ship',
  ] as const,
  time: ['day', 'night', 'sunset'] as const,
  weather: ['clear', 'rain', 'snow'] as const,
  view: ['medium', 'close-up', 'wide'] as const,
  /** The first ten are held, which is an action of its own; the others stand on the ground beside a character. */
  prop: [
    'none',
    'apple',
    'lantern',
    'sword',
    'wand',
    'teddy bear',
    'cake',
    'kite',
    'basket',
    'guitar',
    'umbrella',
    'campfire',
    'tent',
    'treasure chest',
    'car',
    'drum',
    'table',
    'chair',
    'mushroom',
    'snowman',
    'present',
  ] as const,
}

type Vocabulary = typeof VOCABULARY
export type Attribute = keyof Vocabulary
export type Value<A extends Attribute> = Vocabulary[A][number]
export const ATTRIBUTES = Object.keys(VOCABULARY) as Attribute[]

/** Whether a level keeps to few words. */
const isPlain = (level: Level): boolean => level === 1 || level === 4

/** Whether captions of a level are in everyday words, and pictures what people ask for in them. */
export const isEveryday = (level: Level): boolean => level >= 5

/** Whether a level has everything that StoryDB draws. */
export const isWide = (level: Level): boolean => level >= 6

/** How many leading values of a list plain levels use; what is not named here is used in full. */
const plainCounts: Partial<Record<Attribute, number>> = {
  species: 8,
  hairStyle: 3,
  hairColour: 4,
  topType: 2,
  topPattern: 2,
  accessory: 5,
  action: 8,
  expression: 3,
  place: 8,
  time: 2,
}

/** How many leading values of a list levels before 6 use; what is not named here is used in full. */
const firstCounts: Partial<Record<Attribute, number>> = {
  species: 14,
  fur: 13,
  topColour: 8,
  bottomColour: 8,
  accessoryColour: 9,
  action: 14,
  place: 14,
  weather: 1,
  view: 1,
  prop: 1,
}

/** The values of one attribute that frames of `level` may have. */
export function valuesAt<A extends Attribute>(attribute: A, level: Level): readonly Value<A>[] {
  const all: readonly Value<A>[] = VOCABULARY[attribute]
  if (isWide(level)) return all
  const first = firstCounts[attribute] ?? all.length
  return all.slice(0, isPlain(level) ? (plainCounts[attribute] ?? first) : first)
}

/** Natural colours first; plain levels keep to the leading `plain` of them. A repeated colour is drawn more often. */
const furs: Record<Value<'species'>, { plain: number; colours: readonly Value<'fur'>[] }> = {
  fox: { plain: 4, colours: ['orange', 'orange', 'orange', 'gray', 'white', 'blue'] },
  bear: { plain: 2, colours: ['brown', 'white', 'black', 'purple'] },
  rabbit: { plain: 3, colours: ['white', 'gray', 'pink', 'brown', 'blue'] },
  cat: { plain: 3, colours: ['gray', 'black', 'yellow', 'white', 'orange', 'purple'] },
  pig: { plain: 1, colours: ['pink', 'pink', 'brown', 'purple'] },
  frog: { plain: 1, colours: ['green', 'green', 'blue', 'yellow'] },
  robot: { plain: 2, colours: ['gray', 'blue', 'yellow', 'white', 'pink'] },
  girl: { plain: 3, colours: ['fair', 'tan', 'dark'] },
  boy: { plain: 3, colours: ['fair', 'tan', 'dark'] },
  mouse: { plain: 2, colours: ['gray', 'white', 'brown', 'yellow'] },
  dog: { plain: 2, colours: ['yellow', 'brown', 'white', 'gray', 'black'] },
  panda: { plain: 1, colours: ['white', 'white', 'pink', 'blue'] },
  penguin: { plain: 1, colours: ['black', 'black', 'blue', 'purple'] },
  elephant: { plain: 2, colours: ['gray', 'blue', 'pink', 'purple'] },
  lion: { plain: 1, colours: ['yellow', 'yellow', 'brown', 'white'] },
  tiger: { plain: 1, colours: ['orange', 'orange', 'white', 'yellow'] },
  monkey: { plain: 1, colours: ['brown', 'brown', 'gray', 'black'] },
  owl: { plain: 1, colours: ['brown', 'gray', 'white', 'purple'] },
  duck: { plain: 1, colours: ['yellow', 'yellow', 'white', 'brown'] },
  cow: { plain: 1, colours: ['white', 'white', 'brown', 'black'] },
  horse: { plain: 1, colours: ['brown', 'brown', 'white', 'black', 'gray'] },
  sheep: { plain: 1, colours: ['white', 'white', 'gray', 'black', 'pink'] },
  dragon: { plain: 1, colours: ['green', 'green', 'red', 'blue', 'purple'] },
  squirrel: { plain: 1, colours: ['orange', 'brown', 'red', 'gray'] },
}

/** Colours to draw a species' fur from, with repetition as weight. */
export function fursOf(species: Value<'species'>, level: Level): readonly Value<'fur'>[] {
  const { plain, colours } = furs[species]
  return isPlain(level) ? colours.slice(0, plain) : colours
}

/** Hair cuts a human type may have at a level; animals and robots have none. */
export function hairStylesOf(species: Value<'species'>, level: Level): readonly Value<'hairStyle'>[] {
  if (species === 'girl') return isPlain(level) ? ['long', 'pigtails'] : ['long', 'pigtails', 'curly', 'bun', 'short']
  return species === 'boy' ? ['short', 'spiky', 'curly'] : []
}
