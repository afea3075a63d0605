/** The settings of a runner. */
import { totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { MAX_CLAIM_WAIT_SECONDS } from '../../../contract/runner.ts'
import { devices } from '../engine/runtime/device.ts'
import { parseLoraFile } from '../engine/runtime/lora.ts'
import { sessionThreads } from '../engine/runtime/threads.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The environment variables of a runner. */
export const Settings = z.object({
  FABLEFRAME_EDGE_URL: z.url({ protocol: /^https?$/, error: 'the URL of the edge, such as http://127.0.0.1:8787' }),
  RUNNER_TOKEN: z.string('the bearer token that the edge expects of runners').min(16),
  RUNNER_WEBHOOK_SECRET: z
    .string('the secret that events are signed with')
    .regex(/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/, 'whsec_ and at least 24 bytes in standard base64'),
  /** The model: a folder in diffusers layout, or one .safetensors file. */
  FABLEFRAME_MODEL: z.string().default(here('../../models/story-mini')),
  /** Other networks than the model's own: folders in diffusers layout, or files. */
  FABLEFRAME_VAE: z.string().min(1).optional(),
  FABLEFRAME_UNET: z.string().min(1).optional(),
  /** The IP-Adapter for reference pictures, and the folder of the image encoder that it reads. */
  FABLEFRAME_IP_ADAPTER: z.string().min(1).optional(),
  FABLEFRAME_IMAGE_ENCODER: z.string().min(1).optional(),
  FABLEFRAME_DEVICE: z.enum(devices, 'cpu, webgpu or cuda').default('cpu'),
  /** What is added to the model's weights: `a.safetensors:0.8,b.safetensors`. */
  FABLEFRAME_LORAS: z
    .string()
    .default('')
    .transform((list, context) => {
      try {
        return list === '' ? [] : list.split(',').map(parseLoraFile)
      } catch (error) {
        context.addIssue(error instanceof Error ? error.message : String(error))
        return z.NEVER
      }
    }),
  /** Threads that each session computes with; sessions read it by themselves. */
  FABLEFRAME_THREADS: z
    .string()
    .optional()
    .transform((value, context) => {
      try {
        return sessionThreads({ FABLEFRAME_THREADS: value })
      } catch (error) {
        context.addIssue(error instanceof Error ? error.message : String(error))
        return z.NEVER
      }
    }),
  /** What this runner is called in `/runners` and in attempts; default: host and process. */
  FABLEFRAME_RUNNER: z.string().min(1).max(100).optional(),
  /** Resident memory, in megabytes, above which the model is unloaded and loaded afresh between two stories. */
  FABLEFRAME_MEMORY_MB: z.coerce
    .number()
    .positive()
    .default(Math.round((totalmem() / 2 ** 20) * 0.75)),
  /** Seconds that a claim waits for a story. */
  FABLEFRAME_CLAIM_WAIT: z.coerce.number().min(0).max(MAX_CLAIM_WAIT_SECONDS).default(MAX_CLAIM_WAIT_SECONDS),
  /** Seconds without a story after which the runner stops; without it, never. */
  FABLEFRAME_IDLE_EXIT: z.coerce.number().min(1, 'at least 1 second').optional(),
  /** A file to touch every ten seconds, for a health check: see `cli/alive.ts`. */
  FABLEFRAME_LIVENESS_FILE: z.string().min(1).optional(),
  /** The module whose `openStoryModel` opens the model folder. */
  FABLEFRAME_MODEL_MODULE: z.string().default(here('../story/open.ts')),
})
