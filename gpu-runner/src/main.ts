/**
 * The runner: claims stories at the edge, generates them with the model in a thread of its own, hands the pictures over.
 * With `--serve`, whoever calls it instead, on Cog's HTTP wire. Settings come from the environment (`service/settings.ts`), read here and nowhere else; logs are JSON lines on stderr.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type { z } from 'zod'
import { openapiDocument } from './serve/openapi.ts'
import { COG_VERSION, serveCog } from './serve/serve.ts'
import { edgeSettings, ServeSettings } from './serve/settings.ts'
import { openGenerator } from './service/generator.ts'
import { keepAlive } from './service/liveness.ts'
import { type Log, serve } from './service/queue/client.ts'
import { connectEdge } from './service/queue/edge.ts'
import { Settings } from './service/settings.ts'
import { Sampler } from './service/worker/thread.ts'

/** SIGTERM to exit; a platform gives 15 seconds before it kills. */
const STOP_MS = 12_000

const flags = readFlags()
if (flags.schema) {
  process.stdout.write(`${JSON.stringify(openapiDocument(COG_VERSION))}\n`)
  process.exit(0)
}
const parsed = (flags.serve ? Settings.omit(edgeSettings).extend(ServeSettings.shape) : Settings).safeParse(process.env)
if (!parsed.success) {
  log('runner.misconfigured', { errors: parsed.error.issues.map(({ path, message }) => `${path.join()}: ${message}`) })
  process.exit(2)
}
const settings = parsed.data
const stopping = new AbortController()
process.on('SIGINT', () => stop('SIGINT'))
// Kubernetes sends it to a pod that is to finish what it has: then only POST /shutdown and SIGINT end it.
process.on('SIGTERM', () => flags['await-explicit-shutdown'] || stop('SIGTERM'))
// Started by a parent with a channel: the parent's end is ours, however it ended.
process.on('disconnect', () => stop('disconnect'))

const sampler = new Sampler(
  {
    module: pathToFileURL(resolve(settings.FABLEFRAME_MODEL_MODULE)).href,
    folder: resolve(settings.FABLEFRAME_MODEL),
    device: settings.FABLEFRAME_DEVICE,
    loras: settings.FABLEFRAME_LORAS,
    vae: settings.FABLEFRAME_VAE,
    unet: settings.FABLEFRAME_UNET,
    ipAdapter: settings.FABLEFRAME_IP_ADAPTER,
    imageEncoder: settings.FABLEFRAME_IMAGE_ENCODER,
  },
  { memoryLimit: settings.FABLEFRAME_MEMORY_MB * 2 ** 20 },
)

try {
  if ('PORT' in settings)
    await serveCog(openGenerator(sampler), {
      ...{ port: settings.PORT, host: settings.FABLEFRAME_HOST, log, signal: stopping.signal },
      ...{ uploadUrl: flags['upload-url'], webhookToken: settings.WEBHOOK_AUTH_TOKEN },
      history: settings.COG_STREAM_HISTORY_CAPACITY,
      onShutdown: () => stop('POST /shutdown'),
    })
  else await serveQueue(settings)
} catch (error) {
  log('runner.failed', { error: error instanceof Error ? error.message : String(error) })
  process.exitCode = 1
}
await sampler.close()
log('runner.stopped')
process.disconnect?.()

async function serveQueue(settings: z.infer<typeof Settings>): Promise<void> {
  const edge = connectEdge({
    url: settings.FABLEFRAME_EDGE_URL,
    token: settings.RUNNER_TOKEN,
    secret: settings.RUNNER_WEBHOOK_SECRET,
    onRetry: (problem) => log('edge.unavailable', problem),
  })
  const { name } = await sampler.open()
  log('runner.ready', {
    pid: process.pid,
    model: name,
    device: settings.FABLEFRAME_DEVICE,
    threads: settings.FABLEFRAME_THREADS,
    edge: settings.FABLEFRAME_EDGE_URL,
  })
  if (settings.FABLEFRAME_LIVENESS_FILE) keepAlive(settings.FABLEFRAME_LIVENESS_FILE)
  await serve(edge, openGenerator(sampler), {
    signal: stopping.signal,
    log,
    runner: settings.FABLEFRAME_RUNNER,
    wait: settings.FABLEFRAME_CLAIM_WAIT,
    idleExit: settings.FABLEFRAME_IDLE_EXIT,
  })
}

/** `--serve`: Cog's HTTP wire instead of an edge's queue. `--schema`: its document, for the label of an image. */
function readFlags() {
  try {
    return parseArgs({
      options: {
        serve: { type: 'boolean', default: false },
        schema: { type: 'boolean', default: false },
        'upload-url': { type: 'string' },
        'await-explicit-shutdown': { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    log('runner.misconfigured', { errors: [error instanceof Error ? error.message : String(error)] })
    process.exit(2)
  }
}

function stop(why: string): void {
  if (stopping.signal.aborted) return
  log('runner.stopping', { why })
  stopping.abort(new Error(`the runner is stopping: ${why}`))
  // A step in native code can be neither interrupted nor outwaited by exit(); the lease is back by then.
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), STOP_MS).unref()
}

function log(...[event, fields]: Parameters<Log>): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`)
}
