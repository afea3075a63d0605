/** Identities of a story's cast: those that its bank keeps, then those of characters that are new. */
import type { StoryRequest } from '../../../../contract/story.ts'
import type { PreparedReferences } from '../references/references.ts'
import type { Bank } from './bank.ts'

export function joinIdentities(
  bank: Bank | null,
  characters: StoryRequest['characters'],
  added: PreparedReferences | null,
): PreparedReferences | null {
  if (!bank || bank.identities.length === 0) return added
  const first = bank.identities.length
  const cast = characters.map(({ id }, c) => {
    const known = bank.header.cast.find((character) => character.id === id)
    if (known) return known.identity ?? undefined
    const own = added?.cast[c]
    const moved = (places: readonly number[]) => places.map((place) => place + first)
    return own && { whole: moved(own.whole), regions: own.regions.map(moved) }
  })
  return { tokens: [...bank.identities, ...(added?.tokens ?? [])], cast }
}
