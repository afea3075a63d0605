/**
 * Which words of a description speak of which part of a character, as Character-Adapter groups them: face, upper and
 * lower body, each with the noun phrases that belong to it. By word lists, since no parser is at hand; a phrase that
 * none of them knows speaks of the whole.
 */

export const regionNames = ['face', 'upper', 'lower'] as const
type RegionName = (typeof regionNames)[number]

export interface DescribedPart {
  text: string
  /** Place in `regionNames`; undefined for words about the whole character. */
  region?: number
}

const words: Record<RegionName, string> = {
  face:
    'face head hair hat cap crown helmet hood glasses eyeglasses goggles mask beard moustache freckles eyes ears nose ' +
    'bow ribbon earrings tiara wig bonnet beret headband fringe curls braids ponytail horns antlers',
  upper:
    'shirt tee t-shirt sweater jumper pullover jacket coat hoodie sweatshirt blouse vest waistcoat cardigan tunic top ' +
    'scarf backpack rucksack cape cloak tie necklace dress robe gown kimono armour armor apron suit uniform gloves ' +
    'collar poncho shawl overalls',
  lower:
    'pants trousers shorts skirt jeans leggings kilt tights shoes boots sandals sneakers trainers socks stockings ' +
    'slippers tail belt',
}

const regionOfWord = new Map(
  regionNames.flatMap((name, region) => words[name].split(' ').map((word) => [word, region] as const)),
)

/** Words that a new phrase begins with. */
const joints = new Set(['wearing', 'dressed', 'with', 'and', 'in', 'who', 'that', 'has', 'holding', 'carrying', ','])

/**
 * A description in stretches that meet at spaces, each with the part it speaks of: that of the last word a list knows.
 * The first stretch says what the character is, which shows in its face.
 */
export function describedParts(description: string): DescribedPart[] {
  const stretches: string[][] = []
  for (const word of description.split(/\s+/).filter(Boolean)) {
    const last = stretches.at(-1)
    if (!last || joints.has(word.toLowerCase()) || last.at(-1)!.endsWith(',')) stretches.push([word])
    else last.push(word)
  }
  return stretches.map((stretch, i) => {
    const known = stretch.map((word) => regionOfWord.get(word.toLowerCase().replace(/[^\p{L}\p{N}-]/gu, '')))
    const region = known.findLast((found) => found !== undefined) ?? (i === 0 ? 0 : undefined)
    return { text: stretch.join(' '), ...(region !== undefined && { region }) }
  })
}
