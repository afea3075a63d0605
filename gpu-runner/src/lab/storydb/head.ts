/** What a head is made of. */
import type { Brush, Path } from './brush.ts'
import type { FUR } from './palette.ts'
import type { Fur } from './types.ts'

export type Coat = (typeof FUR)[Fur]

/** `behind` is drawn before the skull, `marks` after it and under the face. */
export type Head = { skull: Path; behind?: (b: Brush, coat: Coat) => void; marks?: (b: Brush, coat: Coat) => void }
