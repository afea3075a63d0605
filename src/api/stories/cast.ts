/** Puts in the characters that a posted story names by id or takes from its bank, so that what is queued is complete. */
import { joinCast } from '../../../contract/bank.ts'
import type { CastMember, PostedStory } from '../../../contract/character.ts'
import { issuesOf } from '../../../contract/problem.ts'
import { StoryRequest } from '../../../contract/story.ts'
import { findCharacters } from '../../db/characters/characters.ts'
import type { Db } from '../../db/client.ts'
import type { CharacterRow } from '../../db/schema/files.ts'
import type { Fault } from '../http/problems.ts'
import type { FoundBank } from './named-bank.ts'

export async function castOf(
  db: Db,
  posted: PostedStory,
  apiKeyId: string,
  bank: FoundBank | null,
): Promise<{ story: StoryRequest } | { faults: Fault[] }> {
  const named = posted.characters.flatMap(({ character }) => character ?? [])
  const saved = await findCharacters(db, named, apiKeyId)
  const byId = new Map(saved.map((row) => [row.id, row]))
  const faults = posted.characters.flatMap(({ character }, i) =>
    character === undefined || byId.has(character)
      ? []
      : [{ pointer: `/characters/${i}/character`, message: `no character ${character} under this API key` }],
  )
  if (faults.length > 0) return { faults }
  const declared = posted.characters.map(({ character, ...own }) => {
    const row = character === undefined ? undefined : byId.get(character)
    return row ? { ...fromRow(row), ...given(own) } : own
  })
  const characters = StoryRequest.shape.characters.safeParse(declared)
  const cast = characters.success ? joinCast(characters.data, bank?.known?.cast ?? []) : declared
  const parsed = StoryRequest.safeParse({ ...posted, characters: cast, bank: bank?.source ?? null })
  return parsed.success ? { story: parsed.data } : { faults: issuesOf(parsed.error) }
}

function fromRow({ id, name, description, references }: CharacterRow) {
  const sources = references.map((one) => ('url' in one ? one.url : `sha256:${one.sha256}`))
  return { id, name, description, ...(sources.length > 0 && { references: sources }) }
}

const given = (own: Omit<CastMember, 'character'>) =>
  Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined))
