/** Where prompts call characters by name: told alike by the edge, which warns, and the runner, which puts them in. */

/** Finds whole-word mentions of `names` whatever their case, longest first; to split with, as each match is captured. */
export function mentionsOf(names: readonly string[]): RegExp {
  const sought = [...names].sort((a, b) => b.length - a.length)
  const pattern = sought.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')
  return new RegExp(`(?<![\\p{L}\\p{N}])(${pattern})(?![\\p{L}\\p{N}])`, 'giu')
}

interface Cast {
  readonly characters: readonly { readonly id: string; readonly name: string }[]
  readonly frames: readonly { readonly prompt: string; readonly characters?: readonly string[] | undefined }[]
}

/** Places in the cast of those whom no frame shows: not listed by one, nor named by the prompt of one that lists nobody. */
export function unseenIn({ characters, frames }: Cast): number[] {
  if (characters.length === 0) return []
  const mentions = mentionsOf(characters.map(({ name }) => name))
  const listed = new Set(frames.flatMap((frame) => frame.characters ?? []))
  const named = new Set(
    frames.flatMap(({ prompt, characters }) =>
      characters ? [] : [...prompt.matchAll(mentions)].map(([name]) => name.toLowerCase()),
    ),
  )
  return characters.flatMap(({ id, name }, c) => (listed.has(id) || named.has(name.toLowerCase()) ? [] : [c]))
}
