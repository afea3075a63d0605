/**
 * A stretch of a prompt; `character` is the place in the story's cast of whom it names or describes, `region` the place in
 * `regionNames` of the part it speaks of.
 */
export interface PromptSegment {
  text: string
  character?: number
  region?: number
}
