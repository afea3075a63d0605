/** Opens a model, a folder or one file, as a pipeline: SD 1, SD 2, SDXL and story-mini, for stories and golden cases. */
import { basename, dirname } from 'node:path'
import { createSchedule, ScheduleError } from '../diffusion/schedulers/index.ts'
import { type Lora, type LoraFile, openLoras, unusedParts } from '../runtime/lora.ts'
import type { SessionOptions } from '../runtime/session.ts'
import type { PictureAdapter } from './adapters.ts'
import type { Grid } from './attention-plan.ts'
import { type Autoencoder, buildAutoencoder } from './autoencoder.ts'
import { buildDenoiser, type Denoiser } from './denoiser.ts'
import { type Fingerprints, fingerprintsOf } from './fingerprint.ts'
import { buildIdentityEncoder, type IdentityEncoder } from './identity.ts'
import { openSource } from './open-source.ts'
import { withParts } from './other-parts.ts'
import { type Preset, presetOf } from './presets.ts'
import { ModelError, type ModelKind, type ModelSource } from './source.ts'
import { buildTextEncoders, encoderNames, type TextEncoders } from './text-encoders.ts'
import type { ModelVocabulary } from './vocabulary.ts'

export interface Pipeline {
  readonly name: string
  readonly kind: ModelKind
  /** Its scheduler_config.json, changed where it is a model of few steps. */
  readonly scheduler: object
  /** How such a model is sampled; null for all others. */
  readonly preset: Preset | null
  /** Side in pixels of the pictures the model was trained on. */
  readonly size: number
  readonly text: TextEncoders
  readonly denoiser: Denoiser
  readonly autoencoder: Autoencoder
  /** Null where the model cannot use reference pictures. */
  readonly identity: IdentityEncoder | null
  /** SDXL: the UNet is conditioned on picture sizes. */
  readonly takesSizes: boolean
  readonly zerosForEmptyPrompt: boolean
  /** The words it was trained on; null where it may know any. */
  readonly vocabulary: ModelVocabulary | null
  /** Read from the files when first asked for. */
  fingerprints(): Fingerprints
  /** Release all memory. Parts open again at their next run. */
  release(): Promise<void>
}

export interface PipelineOptions extends SessionOptions {
  /** Changes of the weights, added in the order given; every key must belong to the model. */
  readonly loras?: readonly LoraFile[] | undefined
  readonly adapters?: readonly PictureAdapter[] | undefined
  /** Other networks than the model's own: each a folder of diffusers or a file of either layout. */
  readonly vae?: string | undefined
  readonly unet?: string | undefined
  /** The IP-Adapter that reference pictures go through; by default one beside the model, if there is one. */
  readonly ipAdapter?: string | undefined
  /** The folder of the image encoder that it reads; by default `image_encoder` beside the model. */
  readonly imageEncoder?: string | undefined
  /** The one size of latents, for adapters with masks. */
  readonly grid?: Grid | undefined
}

/**
 * Everything that is wrong with a folder is found here, as a `ModelError`, and with a LoRA file as a `LoraError`: all graphs
 * are built, and a schedule is made. The sessions that the first step needs are open then; the others open when they are run.
 */
export async function openPipeline(path: string, settings: PipelineOptions): Promise<Pipeline> {
  const {
    loras: files = [],
    adapters,
    ipAdapter,
    imageEncoder,
    grid,
    vae: vaePath,
    unet: unetPath,
    ...options
  } = settings
  const source = withParts(openSource(path), { vae: vaePath, unet: unetPath })
  const loras = openLoras(files)
  checkLoras(loras, source.kind)
  const [textEncoder, vae, unet] = [source.part('text_encoder'), source.part('vae'), source.part('unet')]
  const text = named(textEncoder.path, () => buildTextEncoders(source, options, loras))
  const autoencoder = named(vae.path, () => buildAutoencoder(vae, options))
  const identity = named(source.beside('image_encoder'), () =>
    buildIdentityEncoder(source, options, { file: ipAdapter, encoder: imageEncoder }),
  )
  const denoiser = named(unet.path, () => buildDenoiser(unet, { ...options, text, loras, adapters, identity, grid }))
  const { config } = denoiser
  if (config.inChannels !== autoencoder.latentChannels || config.outChannels !== autoencoder.latentChannels)
    throw new ModelError(
      `${path}: the UNet goes from ${config.inChannels} to ${config.outChannels} channels and the autoencoder has ` +
        `${autoencoder.latentChannels}; models for inpainting or depth are not supported`,
    )
  const own = readScheduler(source.scheduler)
  const used = [unetPath, ...files.map(({ path }) => path)].filter((file) => file !== undefined)
  const preset = presetOf([source.name, ...used.map((file) => basename(file))], own)
  const scheduler = { ...own, ...preset?.scheduler }
  const parts = [
    ...[...text.parts, denoiser.part, autoencoder.decoder, autoencoder.encoder],
    ...[denoiser.injected, identity?.part].filter((part) => part != null),
  ]
  const release = async () => {
    await Promise.all(parts.map((part) => part.release()))
  }
  try {
    for (const part of [...text.parts, denoiser.part]) await part.open()
  } catch (error) {
    await release()
    throw error
  }
  let fingerprints: Fingerprints | undefined
  return {
    name: source.name,
    kind: source.kind,
    scheduler,
    preset,
    size: config.sampleSize * autoencoder.factor,
    text,
    denoiser,
    autoencoder,
    identity,
    takesSizes: config.additionTimeEmbedDim !== null,
    zerosForEmptyPrompt: source.zerosForEmptyPrompt,
    vocabulary: source.vocabulary,
    fingerprints: () => (fingerprints ??= fingerprintsOf(source, { loras: files, adapter: identity?.file, scheduler })),
    release,
  }
}

function checkLoras(loras: readonly Lora[], kind: ModelKind): void {
  const [unused] = unusedParts(loras, ['unet', ...encoderNames(kind)])
  if (unused)
    throw new ModelError(`${unused.path} changes the ${unused.part}, which this model has not; it is for another model`)
}

/** Numbers of steps, one of which any scheduler can do: LCM's may allow very few. */
const triedSteps = [20, 4, 1]

/** The model's own scheduler, which must make a schedule. */
function readScheduler({ path: file, read }: ModelSource['scheduler']): object {
  return named(file, () => {
    const config = read()
    const problems = triedSteps.map((steps) => scheduleProblem(config, steps))
    if (problems.every((problem) => problem !== null)) throw new ModelError(`${file}: ${problems[0]}`)
    return config
  })
}

function scheduleProblem(config: object, steps: number): string | null {
  try {
    createSchedule(config, { steps })
    return null
  } catch (error) {
    if (error instanceof ScheduleError) return error.message.replace(/^scheduler_config\.json: /, '')
    throw error
  }
}

/** Errors of the layers below, which know tensors and files but not the part, as errors of the model. */
function named<T>(part: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ModelError) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new ModelError(message.startsWith(dirname(part)) ? message : `${part}: ${message}`, { cause: error })
  }
}
