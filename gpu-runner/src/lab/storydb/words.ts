/** The wording of captions. First choices are the plain ones; the rest are synonyms that people might write instead. */
import type { AccessoryType, Action, Expression, Fur, HairStyle, Identity, Place, Species, Time } from './types.ts'

export const SPECIES_WORDS: Record<Species, readonly string[]> = {
  fox: ['fox', 'fox', 'little fox'],
  bear: ['bear', 'bear', 'teddy bear'],
  rabbit: ['rabbit', 'rabbit', 'bunny'],
  cat: ['cat', 'cat', 'kitten'],
  pig: ['pig', 'pig', 'piglet'],
  frog: ['frog', 'frog', 'little frog'],
  robot: ['robot', 'robot', 'small robot'],
  girl: ['girl', 'girl', 'little girl'],
  boy: ['boy', 'boy', 'little boy'],
  mouse: ['mouse', 'mouse', 'little mouse'],
  dog: ['dog', 'dog', 'puppy'],
  panda: ['panda', 'panda', 'panda bear'],
  penguin: ['penguin', 'penguin', 'little penguin'],
  elephant: ['elephant', 'elephant', 'little elephant'],
  lion: ['lion'],
  tiger: ['tiger'],
  monkey: ['monkey'],
  owl: ['owl'],
  duck: ['duck'],
  cow: ['cow'],
  horse: ['horse'],
  sheep: ['sheep'],
  dragon: ['dragon'],
  squirrel: ['squirrel'],
}

/** Skin is named by phrase ("with tan skin"); every fur that is not skin is an adjective of its own name. */
export const SKIN_WORDS: Partial<Record<Fur, readonly string[]>> = {
  fair: ['fair skin', 'light skin'],
  tan: ['tan skin', 'brown skin'],
  dark: ['dark skin', 'deep brown skin'],
}

export const HAIR_WORDS: Record<HairStyle, (colour: string) => readonly string[]> = {
  long: (c) => [`long ${c} hair`],
  pigtails: (c) => [`${c} pigtails`, `${c} hair in pigtails`],
  short: (c) => [`short ${c} hair`],
  curly: (c) => [`curly ${c} hair`, `${c} curls`],
  bun: (c) => [`${c} hair in a bun`, `a ${c} bun`],
  spiky: (c) => [`spiky ${c} hair`],
}

export const TOP_WORDS: Record<Identity['top']['type'], readonly string[]> = {
  shirt: ['shirt', 'shirt', 't-shirt', 'tee'],
  sweater: ['sweater', 'sweater', 'jumper', 'pullover'],
  jacket: ['jacket', 'jacket', 'coat'],
  hoodie: ['hoodie', 'hoodie', 'hooded sweatshirt'],
}

export const BOTTOM_WORDS: Record<Identity['bottom']['type'], readonly string[]> = {
  pants: ['pants', 'pants', 'trousers'],
  shorts: ['shorts', 'shorts', 'short pants'],
  skirt: ['skirt'],
}

export const ACCESSORY_WORDS: Record<AccessoryType, readonly string[]> = {
  crown: ['crown'],
  cap: ['cap', 'cap', 'baseball cap'],
  scarf: ['scarf'],
  'party hat': ['party hat', 'party hat', 'birthday hat'],
  glasses: ['glasses', 'glasses', 'eyeglasses'],
  bow: ['bow', 'bow', 'hair bow'],
  backpack: ['backpack', 'backpack', 'rucksack'],
  'wizard hat': ['wizard hat', 'wizard hat', 'magic hat'],
}

/** Each action as a finite verb and as a participle. */
export const ACTION_WORDS: Record<Action, { does: readonly string[]; doing: readonly string[] }> = {
  standing: {
    does: ['stands', 'stands there', 'stands still', 'is standing'],
    doing: ['standing', 'standing still', 'just standing there'],
  },
  waving: {
    does: ['waves', 'is waving', 'waves hello', 'waves a hand', 'says hello'],
    doing: ['waving', 'waving hello', 'waving a hand'],
  },
  cheering: {
    does: ['cheers', 'is cheering', 'raises both arms', 'puts both hands up', 'celebrates'],
    doing: ['cheering', 'cheering with both arms up', 'with both arms raised', 'celebrating'],
  },
  sitting: {
    does: ['sits', 'is sitting', 'sits down', 'sits on the ground', 'takes a rest'],
    doing: ['sitting', 'sitting down', 'sitting on the ground'],
  },
  jumping: {
    does: ['jumps', 'is jumping', 'jumps up high', 'leaps', 'hops into the air'],
    doing: ['jumping', 'jumping up high', 'leaping into the air'],
  },
  running: {
    does: ['runs', 'is running', 'runs fast', 'rushes along', 'dashes off'],
    doing: ['running', 'running fast', 'rushing along'],
  },
  reading: {
    does: ['reads', 'is reading', 'reads a book', 'is reading a book', 'looks into a book'],
    doing: ['reading', 'reading a book', 'holding an open book'],
  },
  balloon: {
    does: ['holds a balloon', 'is holding a balloon', 'holds a red balloon', 'carries a balloon', 'has a balloon'],
    doing: ['holding a balloon', 'with a balloon', 'holding a red balloon'],
  },
  sleeping: {
    does: ['sleeps', 'is sleeping', 'is fast asleep', 'lies asleep', 'takes a nap'],
    doing: ['sleeping', 'fast asleep', 'lying asleep', 'napping'],
  },
  pointing: {
    does: ['points', 'is pointing', 'points ahead', 'points at something'],
    doing: ['pointing', 'pointing ahead', 'pointing at something'],
  },
  eating: {
    does: ['eats ice cream', 'is eating an ice cream', 'licks an ice cream cone', 'has an ice cream'],
    doing: ['eating ice cream', 'eating an ice cream cone', 'with an ice cream'],
  },
  dancing: {
    does: ['dances', 'is dancing', 'dances around', 'does a little dance'],
    doing: ['dancing', 'dancing around', 'doing a little dance'],
  },
  flower: {
    does: ['holds a flower', 'is holding a flower', 'has a pink flower', 'picks a flower'],
    doing: ['holding a flower', 'with a pink flower', 'holding up a flower'],
  },
  kicking: {
    does: ['kicks a ball', 'is kicking a ball', 'plays football', 'plays with a ball'],
    doing: ['kicking a ball', 'playing football', 'playing with a ball'],
  },
  walking: { does: ['walks'], doing: ['walking'] },
  swimming: { does: ['swims'], doing: ['swimming'] },
  riding: { does: ['rides a bike'], doing: ['riding a bike'] },
  hugging: { does: ['gives a hug'], doing: ['giving a hug'] },
  giving: { does: ['gives a present'], doing: ['giving a present'] },
  painting: { does: ['paints a picture'], doing: ['painting a picture'] },
  singing: { does: ['sings'], doing: ['singing'] },
  fishing: { does: ['catches a fish'], doing: ['fishing'] },
  drinking: { does: ['drinks juice'], doing: ['drinking juice'] },
  holding: { does: ['holds something'], doing: ['holding something'] },
}

export const EXPRESSION_WORDS: Record<Expression, { adjectives: readonly string[]; adverbs: readonly string[] }> = {
  happy: { adjectives: ['happy', 'happy', 'smiling', 'cheerful', 'joyful'], adverbs: ['happily', 'with a smile'] },
  sad: { adjectives: ['sad', 'sad', 'crying', 'unhappy', 'tearful'], adverbs: ['sadly', 'in tears'] },
  surprised: {
    adjectives: ['surprised', 'surprised', 'amazed', 'astonished'],
    adverbs: ['in surprise', 'with wide eyes'],
  },
  angry: { adjectives: ['angry', 'angry', 'grumpy', 'furious'], adverbs: ['angrily', 'with an angry face'] },
}

export const PLACE_WORDS: Record<Place, readonly string[]> = {
  forest: ['in the forest', 'in a forest', 'in the woods', 'among the trees'],
  beach: ['at the beach', 'on a beach', 'on the beach', 'by the sea'],
  city: ['in the city', 'in a city', 'on a city street', 'in town'],
  snow: ['in the snow', 'on a snowy mountain', 'in a snowy land', 'beside a snowman'],
  desert: ['in the desert', 'in a desert', 'beside a cactus', 'near a pyramid'],
  bedroom: ['in the bedroom', 'in a bedroom', 'at home beside the bed', 'in a pink bedroom'],
  castle: ['at the castle', 'in front of a castle', 'outside a castle', 'by the castle'],
  underwater: ['underwater', 'under the sea', 'at the bottom of the sea', 'in the ocean'],
  space: ['in space', 'on the moon', 'on a planet in space', 'in outer space'],
  farm: ['on the farm', 'on a farm', 'by the barn', 'in front of a red barn'],
  kitchen: ['in the kitchen', 'in a kitchen', 'at home in the kitchen'],
  park: ['in the park', 'in a park', 'by the fountain', 'in the garden'],
  library: ['in the library', 'in a library', 'among the bookshelves', 'in front of the bookshelves'],
  circus: ['at the circus', 'at a circus', 'in front of a circus tent', 'by the circus tent'],
  'living room': ['in the living room'],
  bathroom: ['in the bathroom'],
  classroom: ['in the classroom'],
  shop: ['in the shop'],
  garden: ['in the garden'],
  meadow: ['in the meadow'],
  mountain: ['on the mountain'],
  lake: ['by the lake'],
  cave: ['in the cave'],
  ship: ['on the ship'],
}

/** Day is the default: its words come seldom, and a caption without a time of day may be any. */
export const TIME_WORDS: Record<Time, readonly string[]> = {
  day: ['during the day', 'in the daytime', 'on a sunny day', 'in daylight'],
  night: ['at night', 'at night', 'under the moon', 'by moonlight', 'in the dark'],
  sunset: ['at sunset', 'at sunset', 'in the evening', 'at dusk'],
}
