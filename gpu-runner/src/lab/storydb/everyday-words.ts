/**
 * The wording of everyday captions: what people call each thing. The first wording of a value is its plain one and is
 * used as often as all others together. A word means one value: what means another value elsewhere does not stand here.
 */
import type { HeldProp, StandingProp } from './props.ts'
import type {
  AccessoryType,
  Action,
  Expression,
  HairStyle,
  Identity,
  Place,
  Species,
  Time,
  View,
  Weather,
} from './types.ts'
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
  elephant: either('elephant|baby elephant|elephant'),
  lion: either('lion|lion cub|lioness|lion king'),
  tiger: either('tiger|tiger cub|tigress'),
  monkey: either('monkey|ape|chimp|chimpanzee'),
  owl: either('owl|owlet|barn owl'),
  duck: either('duck|duckling|ducky'),
  cow: either('cow|calf|bull|ox'),
  horse: either('horse|pony|foal|stallion'),
  sheep: either('sheep|lamb|ram|ewe'),
  dragon: either('dragon|baby dragon|dragon'),
  squirrel: either('squirrel|chipmunk|squirrel'),
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
  red: either('red|scarlet|crimson|ruby red'),
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
  pink: either('pink|rose pink|light pink|hot pink'),
  gray: either('gray|grey|grey|silver'),
  brown: either('brown|chocolate brown|dark brown|beige'),
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
  walking: verbs(
    'walk walks walking walked : |along|slowly|around',
    'stroll strolls strolling strolled : |along|around',
    'wander wanders wandering wandered : |along|around',
    'hike hikes hiking hiked : ',
    'go goes going went : for a walk|for a stroll',
  ),
  swimming: verbs(
    'swim swims swimming swam : |around|in the water',
    'float floats floating floated : |in the water|in a swim ring',
    'paddle paddles paddling paddled : |in the water',
    'splash splashes splashing splashed : |in the water|around in the water',
    'bathe bathes bathing bathed : |in the water',
  ),
  riding: verbs(
    'ride rides riding rode : a bike|a bicycle|a red bike|a red bicycle|on a bike',
    'cycle cycles cycling cycled : |along|fast',
    'pedal pedals pedaling pedaled : |along|a bike',
  ),
  hugging: verbs(
    'hug hugs hugging hugged : |tightly|lovingly|a friend',
    'cuddle cuddles cuddling cuddled : |lovingly',
    'give gives giving gave : a hug|a big hug',
    'embrace embraces embracing embraced : ',
  ),
  giving: verbs(
    'give gives giving gave : a present|a gift|a blue present|a birthday present',
    'bring brings bringing brought : a present|a gift',
    'hold holds holding held : a present|a gift|a gift box',
    'offer offers offering offered : a present|a gift',
  ),
  painting: verbs(
    'paint paints painting painted : |a picture|at an easel|a landscape',
    'draw draws drawing drew : |a picture',
    'make makes making made : a painting|a picture',
  ),
  singing: verbs(
    'sing sings singing sang : |a song|loudly|into a microphone|a happy song',
    'hold holds holding held : a microphone',
    'perform performs performing performed : a song',
  ),
  fishing: verbs(
    'fish fishes fishing fished : |with a rod',
    'catch catches catching caught : a fish|an orange fish',
    'hold holds holding held : a fishing rod',
    'go goes going went : fishing',
  ),
  drinking: verbs(
    'drink drinks drinking drank : |juice|a glass of juice|lemonade|orange juice|water|milk',
    'sip sips sipping sipped : juice|lemonade|a drink',
    'have has having had : a drink|a glass of juice',
  ),
  holding: verbs('hold holds holding held : something'),
}

const inHand = (things: string, ...more: readonly string[]): readonly Verb[] =>
  verbs(
    `hold holds holding held : ${things}`,
    `carry carries carrying carried : ${things}`,
    `have has having had : ${things}`,
    ...more,
  )

/** What is done with the things that can be held. */
export const HOLDING_VERBS: Record<HeldProp, readonly Verb[]> = {
  apple: inHand('an apple|a red apple|some fruit', 'pick picks picking picked : an apple'),
  lantern: inHand('a lantern|a lamp|a glowing lantern|a torch', 'light lights lighting lit : the way with a lantern'),
  sword: inHand(
    'a sword|a silver sword',
    'swing swings swinging swung : a sword',
    'raise raises raising raised : a sword',
  ),
  wand: inHand(
    'a wand|a magic wand|a star wand',
    'wave waves waving waved : a magic wand|a wand',
    'cast casts casting cast : a spell',
  ),
  'teddy bear': inHand('a teddy bear|a teddy|a stuffed bear|a stuffed animal'),
  cake: inHand('a cake|a birthday cake|a piece of cake|a cupcake', 'bake bakes baking baked : a cake'),
  kite: inHand('a kite|a blue kite', 'fly flies flying flew : a kite'),
  basket: inHand('a basket|a picnic basket|a basket of apples'),
  guitar: inHand(
    'a guitar',
    'play plays playing played : the guitar|guitar|a guitar',
    'strum strums strumming strummed : a guitar',
  ),
  umbrella: inHand('an umbrella|a purple umbrella|an open umbrella', 'open opens opening opened : an umbrella'),
}

/** Things that stand on the ground. */
export const STANDING_NOUNS: Wordings<StandingProp> = {
  campfire: either('campfire|fire|bonfire'),
  tent: either('tent|camping tent'),
  'treasure chest': either('treasure chest|chest|chest of gold|treasure'),
  car: either('car|red car|automobile'),
  drum: either('drum|big drum'),
  table: either('table|wooden table|tea table'),
  chair: either('chair|wooden chair|stool'),
  mushroom: either('mushroom|toadstool|giant mushroom'),
  snowman: either('snowman|snow man'),
  present: either('present|gift|birthday present|gift box'),
}

export const BESIDE = either('next to|beside|by|near')

export const WEATHER: Wordings<Exclude<Weather, 'clear'>> = {
  rain: either(
    'in the rain|on a rainy day|in pouring rain|in the pouring rain|while it rains|on a wet day|during a rain shower|in rainy weather',
  ),
  snow: either(
    'in falling snow|while it snows|on a snowy day|in the snowfall|as snow falls|during snowfall|in snowy weather',
  ),
}

/** Said before everything, with what follows, or after it. */
export const VIEWS: Record<Exclude<View, 'medium'>, { before: readonly string[]; after: readonly string[] }> = {
  'close-up': {
    before: either('a close-up of|close-up of|a portrait of|a close-up shot of|a closeup of'),
    after: either('close-up|in close-up|close-up shot|closeup|portrait'),
  },
  wide: {
    before: either('a wide shot of|a wide view of|a long shot of|from far away ,'),
    after: either('wide shot|wide view|seen from far away|in the distance|from a distance|wide angle'),
  },
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
    'sea|ocean',
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
  'living room': place(
    'in|inside',
    'living room|lounge|sitting room',
    'on the sofa|by the sofa|next to the couch|at home on the couch|in front of the sofa|on my couch',
  ),
  bathroom: place(
    'in|inside',
    'bathroom|washroom',
    'by the bathtub|next to the bath|in front of the bathtub|beside the tub',
  ),
  classroom: place(
    'in|at|inside',
    'classroom|school',
    'at school|in front of the blackboard|by the chalkboard|at the blackboard',
  ),
  shop: place(
    'in|at|inside',
    'shop|store|supermarket|grocery store|market',
    'at the market|at the counter|in front of the shelves of goods',
  ),
  garden: place(
    'in|through',
    'garden|backyard|flower garden|yard',
    'among the flower beds|by the garden fence|in front of the white fence',
  ),
  meadow: place(
    'in|across|through',
    'meadow|flower meadow|field|grassland|field of flowers',
    'among the wildflowers|on the grass|in the tall grass|in the countryside',
  ),
  mountain: place(
    'on|up|at',
    'mountain|mountainside|mountain path',
    'in the mountains|high in the mountains|on a mountain top|at the top of a mountain|among the rocks',
  ),
  lake: place(
    'at|by|beside|near',
    'lake|pond|lakeside|river',
    'on the shore of a lake|at the lake shore|by the water|in the lake|on the riverbank',
  ),
  cave: place('in|inside', 'cave|cavern|grotto|crystal cave', 'among crystals|deep underground'),
  ship: place(
    'on|aboard',
    'ship|pirate ship|sailing ship|boat',
    'on the deck of a ship|at sea on a ship|on deck|on board a ship',
  ),
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
