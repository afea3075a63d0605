/**
 * The wording of everyday captions: what people call each thing. The first wording of a value is its plain one and is
 * used as often as all others together. A word means one value: what means another value elsewhere does not stand here.
 */
import type { AccessoryType, Action, Expression, HairStyle, Identity, Place, Species, Time } from './types.ts'
import type { Value } from './vocabulary.ts'

type Wordings<K extends string> = Record<K, readonly string[]>

/** `a|b|c` as a list. */
const either = (text: string): readonly string[] => text.split('|')

export const SPECIES_NOUNS: Wordings<Species> = {
  fox: either('fox|fox|fox cub|vixen'),
  bear: either('bear|bear cub|grizzly|grizzly bear'),
  rabbit: either('rabbit|bunny|bunny rabbit|hare'),
  cat: either('cat|kitten|kitty|pussycat|tabby'),
  pig: either('pig|piglet|piggy|hog'),
  frog: either('frog|toad|froggy|tree frog'),
  robot: either('robot|android|bot|droid'),
  girl: either('girl|lady|woman|princess|schoolgirl|daughter|sister'),
  boy: either('boy|lad|man|prince|schoolboy|son|brother'),
  mouse: either('mouse|mousie|mouse|rat'),
  dog: either('dog|puppy|pup|doggy|hound|retriever|golden retriever|poodle|terrier'),
  panda: either('panda|panda bear|panda cub'),
  penguin: either('penguin|penguin chick'),
  elephant: either('elephant|elephant calf|baby elephant'),
}

/** Colours of fur and metal as adjectives; skin goes by `SKIN_PHRASES`. */
export const FUR_ADJECTIVES: Partial<Wordings<Value<'fur'>>> = {
  orange: either('orange|ginger|orange|amber'),
  brown: either('brown|chestnut|chocolate|dark brown|light brown'),
  gray: either('gray|grey|grey|silver|light gray'),
  white: either('white|snow-white|white|snowy white'),
  black: either('black|jet-black|pitch-black'),
  pink: either('pink|rosy|pale pink|light pink'),
  green: either('green|leaf green|bright green'),
  purple: either('purple|violet|lilac|lavender'),
  blue: either('blue|light blue|sky-blue|bright blue'),
  yellow: either('yellow|golden|blonde|sandy'),
}

export const SKIN_PHRASES: Partial<Wordings<Value<'fur'>>> = {
  fair: either('fair skin|light skin|pale skin'),
  tan: either('tan skin|brown skin|tanned skin|olive skin'),
  dark: either('dark skin|deep brown skin|dark brown skin'),
}

export const HAIR_COLOURS: Record<Exclude<Value<'hairColour'>, 'none'>, readonly string[]> = {
  black: either('black|jet-black|dark'),
  blond: either('blond|blonde|golden|fair'),
  red: either('red|ginger|auburn'),
  brown: either('brown|brunette|chestnut'),
  blue: either('blue|bright blue'),
  pink: either('pink|bright pink'),
}

/** `*` is where the colour goes. */
export const HAIR_PHRASES: Wordings<HairStyle> = {
  long: either('long * hair|long * locks|long flowing * hair'),
  pigtails: either('* pigtails|* hair in pigtails|* braids|* plaits'),
  short: either('short * hair|a short * haircut|short-cut * hair'),
  curly: either('curly * hair|* curls|* ringlets'),
  bun: either('* hair in a bun|a * bun'),
  spiky: either('spiky * hair|* spikes of hair'),
}

export const CLOTH_COLOURS: Record<Value<'topColour'>, readonly string[]> = {
  red: either('red|scarlet|crimson|bright red'),
  blue: either('blue|navy|navy blue|dark blue|light blue'),
  green: either('green|emerald|dark green|light green'),
  yellow: either('yellow|golden|bright yellow|lemon'),
  purple: either('purple|violet|lilac|mauve'),
  white: either('white|cream|snow-white|plain white'),
  black: either('black|jet-black|black'),
  orange: either('orange|tangerine|bright orange'),
}

export const TOP_NOUNS: Wordings<Identity['top']['type']> = {
  shirt: either('shirt|t-shirt|tee|tee shirt|top|blouse'),
  sweater: either('sweater|jumper|pullover|cardigan'),
  jacket: either('jacket|coat|blazer|raincoat'),
  hoodie: either('hoodie|hooded sweatshirt|hooded top|sweatshirt'),
}

export const PATTERN_WORDS: Record<'striped' | 'dotted', { adjectives: readonly string[]; tails: readonly string[] }> =
  {
    striped: { adjectives: either('striped|stripy'), tails: either('with stripes|with white stripes') },
    dotted: {
      adjectives: either('dotted|polka dot|spotted|spotty'),
      tails: either('with dots|with polka dots|with spots|with white dots'),
    },
  }

export const BOTTOM_NOUNS: Wordings<Identity['bottom']['type']> = {
  pants: either('pants|trousers|jeans|leggings|slacks'),
  shorts: either('shorts|short pants|short trousers'),
  skirt: either('skirt|skirt|miniskirt|tutu'),
}

/** A skirt and a plain top of one colour, in a word. */
export const DRESS_NOUNS = either('dress|frock|gown|summer dress')

export const ACCESSORY_NOUNS: Wordings<AccessoryType> = {
  crown: either('crown|tiara|crown'),
  cap: either('cap|baseball cap|hat|hat|beanie'),
  scarf: either('scarf|neck scarf|shawl'),
  'party hat': either('party hat|birthday hat|pointed party hat'),
  glasses: either('glasses|eyeglasses|spectacles'),
  bow: either('bow|hair bow|ribbon|hair ribbon'),
  backpack: either('backpack|rucksack|school bag|schoolbag'),
  'wizard hat': either("wizard hat|magic hat|pointy wizard hat|wizard's hat"),
}

/** A verb's four forms ("wave waves waving waved") and what may follow it; '' is nothing. */
export interface Verb {
  forms: readonly [base: string, third: string, ing: string, past: string]
  after: readonly string[]
}

/** Verbs as lines of "forms : what may follow, split at bars". */
const verbs = (...lines: readonly string[]): readonly Verb[] =>
  lines.map((line) => {
    const [forms = '', after = ''] = line.split(':')
    const [base, third, ing, past] = forms.trim().split(' ')
    return { forms: [base!, third!, ing!, past!], after: after.split('|').map((text) => text.trim()) }
  })

export const ACTION_VERBS: Record<Action, readonly Verb[]> = {
  standing: verbs(
    'stand stands standing stood : |there|still|up|straight|quietly',
    'wait waits waiting waited : |there',
  ),
  waving: verbs(
    'wave waves waving waved : |hello|a hand|goodbye|with one hand|one arm',
    'greet greets greeting greeted : us|everybody',
    'say says saying said : hello|hi|goodbye',
  ),
  cheering: verbs(
    'cheer cheers cheering cheered : |loudly|with both arms up',
    'raise raises raising raised : both arms|both hands',
    'celebrate celebrates celebrating celebrated : ',
    'throw throws throwing threw : both arms up|both arms in the air',
  ),
  sitting: verbs('sit sits sitting sat : |down|on the ground|on the floor', 'rest rests resting rested : '),
  jumping: verbs(
    'jump jumps jumping jumped : |up|up high|high|for joy|in the air',
    'leap leaps leaping leaped : |into the air|up',
    'hop hops hopping hopped : |around|up and down',
    'bounce bounces bouncing bounced : |up and down',
  ),
  running: verbs(
    'run runs running ran : |fast|along|away|quickly|around',
    'rush rushes rushing rushed : along|off',
    'dash dashes dashing dashed : off|along',
    'race races racing raced : |along|off',
    'sprint sprints sprinting sprinted : ',
  ),
  reading: verbs(
    'read reads reading read : |a book|a story|a storybook|a good book|an old book|a thick book',
    'hold holds holding held : an open book|a book',
    'study studies studying studied : a book',
  ),
  balloon: verbs(
    'hold holds holding held : a balloon|a red balloon|on to a balloon',
    'carry carries carrying carried : a balloon|a red balloon',
    'have has having had : a balloon|a red balloon',
  ),
  sleeping: verbs(
    'sleep sleeps sleeping slept : |soundly|peacefully',
    'nap naps napping napped : ',
    'take takes taking took : a nap',
    'snore snores snoring snored : |loudly',
    'doze dozes dozing dozed : |off',
    'lie lies lying lay : asleep',
    'snooze snoozes snoozing snoozed : ',
  ),
  pointing: verbs(
    'point points pointing pointed : |ahead|at something|at the sky|forward|with one finger',
    'show shows showing showed : the way',
  ),
  eating: verbs(
    'eat eats eating ate : ice cream|an ice cream|an ice cream cone|an ice-cream',
    'lick licks licking licked : an ice cream|an ice cream cone',
    'enjoy enjoys enjoying enjoyed : an ice cream|ice cream',
    'have has having had : an ice cream',
  ),
  dancing: verbs(
    'dance dances dancing danced : |around|to music|to the music',
    'do does doing did : a little dance|a dance',
    'twirl twirls twirling twirled : |around',
  ),
  flower: verbs(
    'hold holds holding held : a flower|a pink flower|up a flower|a rose|a daisy',
    'pick picks picking picked : a flower|a pink flower',
    'smell smells smelling smelled : a flower|a rose',
    'have has having had : a flower',
  ),
  kicking: verbs(
    'kick kicks kicking kicked : a ball|the ball|a football|a soccer ball',
    'play plays playing played : football|soccer|with a ball|ball',
  ),
}

export interface Mood {
  adjectives: readonly string[]
  adverbs: readonly string[]
  phrases: readonly string[]
  /** Verbs that say nothing but the mood, third person. */
  verbs: readonly string[]
}

export const MOODS: Record<Expression, Mood> = {
  happy: {
    adjectives: either('happy|smiling|cheerful|joyful|glad|merry|delighted|jolly|content'),
    adverbs: either('happily|cheerfully|joyfully|merrily|gladly'),
    phrases: either('with a smile|with a big smile|with a happy face|in a good mood|full of joy'),
    verbs: either('smiles|grins|laughs|is smiling|is laughing|giggles'),
  },
  sad: {
    adjectives: either('sad|crying|unhappy|tearful|upset|gloomy|miserable'),
    adverbs: either('sadly|unhappily|tearfully'),
    phrases: either('in tears|with a sad face|with tears|feeling down'),
    verbs: either('cries|weeps|is crying|sobs|frowns sadly'),
  },
  surprised: {
    adjectives: either('surprised|amazed|astonished|shocked|startled'),
    adverbs: either('in surprise|in amazement|in astonishment'),
    phrases: either('with wide eyes|with a surprised face|with an open mouth|with a look of surprise'),
    verbs: either('gasps|is surprised|is amazed'),
  },
  angry: {
    adjectives: either('angry|grumpy|furious|mad|cross|annoyed'),
    adverbs: either('angrily|grumpily|furiously'),
    phrases: either('with an angry face|in a bad mood|in a rage|with a scowl'),
    verbs: either('scowls|is angry|growls|is cross'),
  },
}

/** `the`: nouns that go with "the", "a", "our" …; `fixed`: phrases as they are. */
export interface PlaceWords {
  prepositions: readonly string[]
  nouns: readonly string[]
  fixed: readonly string[]
}

const place = (prepositions: string, nouns: string, fixed: string): PlaceWords => ({
  prepositions: either(prepositions),
  nouns: either(nouns),
  fixed: either(fixed),
})

export const PLACES: Record<Place, PlaceWords> = {
  forest: place(
    'in|through|in',
    'forest|woods|wood|woodland|pine forest',
    'among the trees|deep in the woods|under the pine trees',
  ),
  beach: place(
    'at|on|along',
    'beach|seaside|seashore|sandy beach|shore',
    'by the sea|at the seaside|on the sand|by the ocean',
  ),
  city: place(
    'in|through|in',
    'city|town|city street|street|downtown street',
    'in town|downtown|on a city street|on the street|between tall buildings',
  ),
  snow: place(
    'in|through|in',
    'snow|deep snow|fresh snow',
    'in the snow|in a snowy land|beside a snowman|in a winter landscape',
  ),
  desert: place(
    'in|through|across',
    'desert|sandy desert|hot desert',
    'beside a cactus|near a pyramid|among the dunes|next to a cactus',
  ),
  bedroom: place(
    'in|in|inside',
    'bedroom|nursery|bedroom',
    'at home beside the bed|in a pink bedroom|next to the bed|near the bed',
  ),
  castle: place(
    'at|outside|in front of|near|by',
    'castle|palace|fortress',
    'before the castle|at the castle gate|outside the castle walls',
  ),
  underwater: place(
    'under|beneath',
    'sea|ocean|waves',
    'underwater|under the sea|at the bottom of the sea|on the seabed|among the fish|under water',
  ),
  space: place(
    'in',
    'outer space|deep space',
    'in space|on the moon|on a planet|in outer space|in deep space|among the stars|next to a rocket',
  ),
  farm: place(
    'on|at',
    'farm|farmyard|barnyard|ranch',
    'by the barn|in front of a red barn|near the barn|out on the farm|outside the barn',
  ),
  kitchen: place(
    'in|inside',
    'kitchen',
    'at home in the kitchen|by the fridge|in front of the fridge|next to the refrigerator',
  ),
  park: place('in|at|through', 'park|city park|public park', 'by the fountain|next to a fountain|near the fountain'),
  library: place(
    'in|at|inside',
    'library|bookshop|bookstore',
    'among the bookshelves|in front of the bookshelves|between shelves of books|beside a bookcase',
  ),
  circus: place('at|in front of|outside', 'circus|circus tent|big top|funfair', 'by the circus tent|at the circus'),
}

export const TIMES: Wordings<Time> = {
  day: either(
    'during the day|in the daytime|on a sunny day|in daylight|in the morning|this morning|in the afternoon|at noon|in the sunshine|under a blue sky|in the sun|on a bright day|at midday',
  ),
  night: either(
    'at night|under the moon|by moonlight|in the moonlight|under the stars|at midnight|late at night|in the middle of the night|on a dark night|at nighttime|beneath a starry sky',
  ),
  sunset: either(
    'at sunset|in the evening|at dusk|at dawn|at sunrise|during sunset|as the sun sets|at sundown|in the evening light|at twilight',
  ),
}
