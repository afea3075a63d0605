/** A page of a list, newest first. */
import { z } from 'zod'

export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    results: z.array(item),
    next: z.url().nullable().describe('The next older page; null on the last'),
  })
