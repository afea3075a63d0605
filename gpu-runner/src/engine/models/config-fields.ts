/** Fields that the configurations of all models are made of, bounded: a graph is built from them before any weight is read. */
import { z } from 'zod'

/** Channels, layers, heads, tokens: far beyond any model, and still safe to reckon with and to allocate by. */
export const count = z
  .int()
  .min(1)
  .max(1 << 20)

export const epsilon = z.number().positive().max(1)

/** One value for each level of a UNet or autoencoder. */
export const levels = <T extends z.ZodType>(item: T) => z.array(item).min(1).max(16)

/** For a check of several fields together: `path` is the key to blame. */
export function refuse(context: z.core.ParsePayload, path: string, message: string): void {
  context.issues.push({ code: 'custom', path: [path], message, input: context.value })
}
