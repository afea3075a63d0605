/**
 * Image models for the AI SDK (ai-sdk.dev):
 * `generateImage({ model: fableframe.image('story-mini'), prompt, n: 4, providerOptions: { fableframe: { characters } } })`
 * gives n pictures of the same characters.
 *
 * The interface is version 3 of its specification, which `ai` 6 and 7 take; written out here, so that nothing is imported.
 */
import { Fableframe, type FableframeOptions } from './client.ts'
import { FableframeError } from './errors.ts'
import type { StoryParams } from './types.ts'

/** `providerOptions.fableframe`: any field of a story. `frames`, if given, are drawn in place of n times the prompt. */
export type FableframeImageOptions = Partial<StoryParams>

export interface ImageCall {
  prompt: string | undefined
  n: number
  size: `${number}x${number}` | undefined
  aspectRatio: `${number}:${number}` | undefined
  seed: number | undefined
  files: unknown[] | undefined
  mask: unknown
  providerOptions: Record<string, Record<string, unknown>>
  abortSignal?: AbortSignal
  headers?: Record<string, string | undefined>
}

/** A type and no interface, so that it fits JSON. */
export type FableframeImageMetadata = {
  /** The id of its story. */
  story: string
  prompt: string
  seed: number | null
  url: string | null
}

export interface ImageResult {
  images: Uint8Array[]
  warnings: ({ type: 'unsupported'; feature: string; details?: string } | { type: 'other'; message: string })[]
  /** By picture. */
  providerMetadata: { fableframe: { images: FableframeImageMetadata[] } }
  response: { timestamp: Date; modelId: string; headers: undefined }
}

export interface FableframeImageModel {
  readonly specificationVersion: 'v3'
  readonly provider: string
  readonly modelId: string
  readonly maxImagesPerCall: number
  doGenerate(call: ImageCall): Promise<ImageResult>
}

export interface FableframeProvider {
  /** @param modelId the name of a model that the edge serves, such as `story-mini` */
  image(modelId: string): FableframeImageModel
  imageModel(modelId: string): FableframeImageModel
}

/** Frames of one story. */
const MAX_FRAMES = 12

export function createFableframe(options: FableframeOptions = {}): FableframeProvider {
  let client: Fableframe | undefined
  // The environment is read when it is needed, and not when the module is loaded.
  const image = (modelId: string) => imageModel(() => (client ??= new Fableframe(options)), modelId)
  return { image, imageModel: image }
}

/** With the key and the edge of the environment. */
export const fableframe: FableframeProvider = createFableframe()

function imageModel(client: () => Fableframe, modelId: string): FableframeImageModel {
  return {
    specificationVersion: 'v3',
    provider: 'fableframe.image',
    modelId,
    maxImagesPerCall: MAX_FRAMES,
    async doGenerate({ prompt, n, size, seed, providerOptions, abortSignal, ...rest }) {
      const { frames, ...story }: FableframeImageOptions = providerOptions.fableframe ?? {}
      if (prompt === undefined && !frames)
        throw new FableframeError('give a prompt, or frames in providerOptions.fableframe')
      const [width, height] = size?.split('x').map(Number) ?? []
      const unsupported = (['aspectRatio', 'files', 'mask'] as const).filter((name) => rest[name] !== undefined)
      const { stories, frames: pictures } = client()
      const accepted = await stories.create(
        {
          ...(seed !== undefined && { seed }),
          ...(size !== undefined && { width, height }),
          ...{ model: modelId, ...story },
          frames: frames ?? Array.from({ length: n }, () => ({ prompt: prompt! })),
        },
        { signal: abortSignal },
      )
      const done = await stories.wait(accepted.id, { signal: abortSignal }).catch(async (error) => {
        if (abortSignal?.aborted) await stories.cancel(accepted.id).catch(() => {})
        throw error
      })
      const images = await Promise.all(
        done.frames.map(async (frame) => {
          const picture = await pictures.download(frame, { signal: abortSignal })
          return new Uint8Array(await picture.arrayBuffer())
        }),
      )
      return {
        images,
        warnings: [
          ...unsupported.map((feature) => ({ type: 'unsupported', feature, details: advice[feature] }) as const),
          ...(accepted.warnings ?? []).map((message) => ({ type: 'other', message }) as const),
        ],
        providerMetadata: {
          fableframe: { images: done.frames.map(({ prompt, seed, url }) => ({ story: done.id, prompt, seed, url })) },
        },
        response: { timestamp: new Date(), modelId, headers: undefined },
      }
    },
  }
}

const advice = {
  aspectRatio: 'give a size, such as 768x512',
  files: 'give pictures of a character as references in providerOptions.fableframe.characters',
  mask: 'give another prompt, and redraw the frame',
}
