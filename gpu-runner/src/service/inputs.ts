/** Gathers the bytes of what a story names: pictures and a bank, from the edge what it keeps, from strangers what they serve. */
import { LIMITS, type StoryRequest, storedHash } from '../../../contract/story.ts'
import { type GuardOptions, guardedFetch, RefusedUrl } from './guarded-fetch.ts'
import { BadStory, PictureUnavailable } from './queue/attempt.ts'

export interface GatherOptions {
  signal: AbortSignal
  /** The picture or bank that the edge keeps under a hash. */
  readStored: (sha256: string) => Promise<Uint8Array>
  /** For tests. */
  guard?: Pick<GuardOptions, 'allowHttp' | 'isAllowed' | 'lookup' | 'timeoutMs'>
}

/**
 * By what the story calls them; data URIs need no gathering. Throws `BadStory` where a URL is not to be fetched,
 * `PictureUnavailable` where that may go well another time.
 */
export async function gather(
  { characters, anchors, bank }: Pick<StoryRequest, 'characters' | 'anchors' | 'bank'>,
  { signal, readStored, guard }: GatherOptions,
): Promise<Record<string, Uint8Array>> {
  const places = [
    ...characters.flatMap(({ references = [] }, c) =>
      references.map((source, i) => [source, `/characters/${c}/references/${i}`] as const),
    ),
    ...anchors.flatMap(({ picture }, a) => (picture ? [[picture, `/anchors/${a}/picture`] as const] : [])),
    ...(bank === null ? [] : [[bank, '/bank'] as const]),
  ]
  const sources = new Map(places.filter(([source]) => !source.startsWith('data:')))
  // The first that fails ends the others.
  const over = new AbortController()
  const options = { ...guard, signal: AbortSignal.any([signal, over.signal]) }
  const bytesOf = async ([source, pointer]: [string, string]): Promise<[string, Uint8Array]> => {
    const hash = storedHash(source)
    if (hash !== undefined) return [source, await readStored(hash)]
    try {
      const maxBytes = pointer === '/bank' ? LIMITS.bankBytes : LIMITS.referenceBytes
      return [source, await guardedFetch(source, { ...options, maxBytes })]
    } catch (error) {
      options.signal.throwIfAborted()
      const message = `${pointer}: ${error instanceof Error ? error.message : error}`
      throw new (error instanceof RefusedUrl ? BadStory : PictureUnavailable)(message, { cause: error })
    }
  }
  try {
    return Object.fromEntries(await Promise.all(Array.from(sources, bytesOf)))
  } finally {
    over.abort()
  }
}
