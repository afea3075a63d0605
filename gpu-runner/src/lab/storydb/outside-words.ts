/**
 * Words that stand for nothing in a StoryDB frame, as people put them into prompts all the same. Captions carry them so
 * that a model learns to let them change nothing. Common ones are listed here by what they are; rare ones come from a
 * large list of English words.
 */
import { createRequire } from 'node:module'
import type { Random } from './random.ts'

const require = createRequire(import.meta.url)

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

const ADJECTIVES = words(`
  cute fluffy brave clever friendly lovely beautiful curious kind old young tall funny chubby sweet gentle wise silly
  lazy shy proud busy fast slow quiet noisy strong weak tired hungry thirsty sleepy dirty clean messy neat rich poor
  famous strange magical mysterious ancient modern fancy elegant adorable cuddly furry fuzzy soft shaggy scruffy plump
  slim slender enormous huge giant big tiny small little mighty fearless heroic adventurous mischievous playful naughty
  polite helpful loyal honest lonely lucky charming handsome pretty gorgeous ordinary special favourite favorite best
  new shiny sparkling cosy cozy warm cool wonderful amazing great good nice perfect real wild tame baby grown-up rosy
  bushy striking slightly-worn woolly knitted cotton leather baggy tight oversized vintage stylish comfortable colourful
  colorful plain-looking handmade beloved royal evil spooky creepy haunted enchanted hidden secret distant endless`)

/** Said of a place without a change to it. */
const PLACE_ADJECTIVES = words(`
  big huge old quiet busy beautiful lovely peaceful empty crowded magical enchanted mysterious wide vast local nearby
  faraway distant famous ancient little small pretty calm cosy cozy noisy wonderful strange familiar lonely`)

const ADVERBS = words(`
  quickly slowly gently suddenly carefully softly bravely proudly eagerly gracefully lazily politely patiently silently
  playfully calmly cleverly excitedly nervously secretly together alone again once twice often always never almost
  finally carelessly clumsily dreamily energetically kindly lightly nearly really simply soon still already`)

const NOUNS = words(`
  friend adventure tail whisker paw ear eye nose button pocket sleeve collar boot shoe sock glove belt necklace watch
  treasure map compass telescope lantern candle pizza sandwich cheese cookie pancake honey carrot banana bread soup
  knight wizard fairy giant monster ghost pirate witch queen king teacher doctor neighbour neighbor grandmother
  grandfather uncle cousin visitor stranger crowd family squirrel butterfly bee ladybug spider snail ant crow parrot
  fence gate bridge path river stream hill rock bush leaf branch root nest hole well tower door window roof chimney
  wall stair ladder bench swing slide bucket shovel rope wheel wagon cart boat train plane truck tractor bicycle engine
  machine computer phone camera radio clock mirror lamp carpet curtain pillow blanket basket bottle cup plate spoon
  letter postcard puzzle toy doll drum guitar violin piano song dream wish secret surprise problem idea question promise
  birthday holiday weekend summer winter spring autumn breeze wind cloud fog thunder lightning rainbow shadow smell
  sound voice journey race game contest festival parade market school office hospital station museum theatre cinema
  shop bakery garage attic cellar island valley volcano waterfall swamp jungle cave harbour lighthouse village`)

/** Base form, third person, -ing. */
const VERBS: readonly (readonly [base: string, third: string, ing: string])[] = words(`
  chase:chases:chasing find:finds:finding follow:follows:following watch:watches:watching love:loves:loving
  help:helps:helping meet:meets:meeting visit:visits:visiting build:builds:building fix:fixes:fixing
  paint:paints:painting hide:hides:hiding seek:seeks:seeking discover:discovers:discovering explore:explores:exploring
  climb:climbs:climbing throw:throws:throwing catch:catches:catching carry:carries:carrying bring:brings:bringing
  make:makes:making bake:bakes:baking cook:cooks:cooking clean:cleans:cleaning wash:washes:washing
  open:opens:opening close:closes:closing push:pushes:pushing pull:pulls:pulling touch:touches:touching
  remember:remembers:remembering forget:forgets:forgetting imagine:imagines:imagining draw:draws:drawing
  write:writes:writing call:calls:calling ask:asks:asking answer:answers:answering tell:tells:telling
  thank:thanks:thanking surprise:surprises:surprising scare:scares:scaring tickle:tickles:tickling
  admire:admires:admiring protect:protects:protecting guard:guards:guarding rescue:rescues:rescuing
  lose:loses:losing buy:buys:buying sell:sells:selling share:shares:sharing borrow:borrows:borrowing
  want:wants:wanting need:needs:needing miss:misses:missing choose:chooses:choosing`).map((forms) => {
  const [base, third, ing] = forms.split(':')
  return [base!, third!, ing!]
})

/** Species that StoryDB does not draw. */
const CREATURES = words(`
  giraffe zebra hippo rhino kangaroo koala otter beaver badger weasel ferret hamster hedgehog raccoon skunk moose camel
  llama alpaca donkey goat goose swan pigeon sparrow eagle falcon flamingo peacock crocodile lizard snake chameleon
  octopus crab lobster shark whale dolphin seal walrus alien goblin troll elf dwarf mermaid centaur phoenix griffin yeti
  creature animal character hero pet someone`)

/** How pictures are asked for, before or after what they show. */
export const STYLES = [
  "watercolor style|watercolour painting|children's book illustration|storybook art|digital art|oil painting|cartoon",
  'comic style|anime style|pixar style|3d render|flat vector art|pastel colors|soft lighting|cinematic lighting',
  'highly detailed|best quality|masterpiece|4k|8k|hd|trending on artstation|vibrant colours|pencil sketch|line art',
  'a picture of|a drawing of|an illustration of|a photo of|an image showing|a painting of|a sketch of|a scene with',
].flatMap((line) => line.split('|'))

export const OPENERS = [
  'later|then|one day|suddenly|meanwhile|next|after lunch|before school|that day|once upon a time|the next day|soon',
  'at last|finally|in the end|after a while|a moment later|today|first|now|every day|long ago|on monday|at the weekend',
].flatMap((line) => line.split('|'))

export const NAMES = words(`
  rex mo pip zuzu fern bo anna ben rusty kiki ember tom mina rose ash bea luna leo max bella coco milo ruby oscar lily
  jack emma noah mia sam lucy finn ivy theo nora otto pippa hugo daisy felix clara bruno poppy gus maya oliver zoe teddy
  sophie charlie alice benny bonnie buster cleo dexter dot ellie fergus fritz gigi harry hazel henry jasper juno kit
  lola louie mabel maggie marlow monty nellie olive pablo peanut penny percy piper quinn remy robin rocky rosie rufus
  scout shadow sunny tilly toby trixie violet waldo wilbur willow winnie ziggy mr mrs professor captain`)

const offensive =
  /^(?:.*(?:fuck|shit|cunt|nigg|fagg|bitch|whore|slut|penis|vagin|porn|rape|nazi|sex|cock|dick|tits|anus|anal).*)$/

export interface OutsideWords {
  adjective: () => string
  placeAdjective: () => string
  adverb: () => string
  noun: () => string
  verb: () => readonly [base: string, third: string, ing: string]
  creature: () => string
}

/** Word lists without words for which `isKnown` says that they stand for something. */
export function outsideWords(isKnown: (word: string) => boolean): (r: Random) => OutsideWords {
  const strange = (list: readonly string[]) => list.filter((word) => !isKnown(word))
  const all = require('an-array-of-english-words') as string[]
  const rare = strange(all.filter((word) => /^[a-z]{4,10}$/.test(word) && !offensive.test(word)))
  const common = {
    adjective: strange(ADJECTIVES),
    placeAdjective: strange(PLACE_ADJECTIVES),
    adverb: strange(ADVERBS),
    noun: strange(NOUNS),
    creature: strange(CREATURES),
  }
  const verbs = VERBS.filter((forms) => !forms.some(isKnown))
  return (r) => {
    const from = (list: readonly string[]) => () => r.pick(r.chance(0.12) ? rare : list)
    return {
      adjective: from(common.adjective),
      placeAdjective: from(common.placeAdjective),
      adverb: from(common.adverb),
      noun: from(common.noun),
      creature: from(common.creature),
      verb: () => r.pick(verbs),
    }
  }
}
