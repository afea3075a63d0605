/** How large the type of a book is: alike on all pages, and smaller only where a text would not fit otherwise. */

/**
 * A size for each text, of `sizes`, which go down. `fits` says whether a text fits its page in a size; in the last one it
 * is put there whatever it says. Texts that need less than `comfortable` do not make the others as small.
 */
export function typeSizes<Text>(
  texts: readonly Text[],
  sizes: readonly number[],
  comfortable: number,
  fits: (text: Text, size: number) => boolean,
): number[] {
  const smallest = sizes.at(-1)!
  const own = texts.map((text) => sizes.find((size) => fits(text, size)) ?? smallest)
  const common = Math.max(comfortable, Math.min(...own))
  return own.map((size) => Math.min(size, common))
}

/** The paragraphs of a text, without empty ones. */
export function paragraphsOf(text: string): string[] {
  return text.split(/\s*[\n\u2028\u2029]+\s*/).filter((paragraph) => paragraph.trim() !== '')
}
