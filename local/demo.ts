/**
 * `npm run demo`: an app's whole day in one command. Starts the servers, posts a story over HTTP with an API key,
 * follows it, receives and verifies its webhook, and keeps the pictures. Exits 0 only if all of that happened.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import { z } from 'zod'
import type { StoryInput } from '../contract/story.ts'
import { isTerminal, Story, StoryWebhook } from '../contract/story-view.ts'
import { command, sentenceOf } from '../gpu-runner/src/cli/command.ts'
import { progressBar } from '../gpu-runner/src/cli/progress.ts'
import { writeJson, writeWhole } from '../gpu-runner/src/engine/io/whole-file.ts'
import { keepApiKey } from './api-key.ts'
import { startServers } from './servers.ts'
import { environmentOrExit } from './settings.ts'
import { openInBrowser, signInLinks } from './sign-in.ts'

const story: StoryInput = {
  title: 'A day with Fern and Bo',
  characters: [
    { id: 'fern', name: 'Fern', description: 'an orange fox wearing a blue shirt and a red scarf' },
    {
      id: 'bo',
      name: 'Bo',
      description: 'a white rabbit wearing a green shirt and red pants',
      // How it was made: test/demo-reference.ts.
      references: [
        `data:image/png;base64,${readFileSync(new URL('demo-reference.png', import.meta.url)).toString('base64')}`,
      ],
    },
  ],
  frames: [
    { prompt: 'Fern waves in the forest' },
    { prompt: 'Fern reads and Bo cheers at the beach' },
    { prompt: 'Bo holds a balloon in the desert' },
    { prompt: 'Bo jumps and Fern sits in the snow at night' },
  ],
  seed: 7,
}

const { values: flags } = command(
  'demo',
  `usage: npm run demo [-- --open]

Starts everything, posts a story over HTTP, receives its webhook and leaves the pictures in out/demo.
--open then shows the story in the playground, in a browser if there is one, until Ctrl-C.
Settings are environment variables: FABLEFRAME_DEMO_OUT, FABLEFRAME_DATA, FABLEFRAME_MODEL and those of docs/.`,
).read({ open: { type: 'boolean', default: false } })
const { dataDir, demoOut: out, edgeEnv, apiKey: given } = environmentOrExit()
const SIGNALS: string[] = ['SIGINT', 'SIGTERM']
const WebhookSecret = z.object({ key: z.string() })
/** From the start to the last picture. */
const LIMIT_MS = 5 * 60_000
const POLL_MS = 300

const started = performance.now()
const over = new AbortController()
const limit = setTimeout(() => over.abort(new Error(`not finished after ${LIMIT_MS / 1000} s`)), LIMIT_MS)

const apiKey = given ?? (await keepApiKey(dataDir)).key
const signIn = signInLinks(apiKey)
const runnerLines: string[] = []
const servers = await startServers({
  port: 0,
  dataDir,
  apiKey,
  edgeEnv,
  signIn: signIn.exchange,
  onRunnerLine: (line) => runnerLines.push(line),
  onRunnerExit: (how) => over.abort(new Error(`the runner ended: ${how}`)),
  onEdgeExit: (how) => over.abort(new Error(`the edge ended: ${how}`)),
  onEdgeReturn: () => {},
  onEdgeLost: (error) => over.abort(error),
}).catch((error) => fail(`the edge did not start: ${error.message}`))
for (const signal of SIGNALS) process.on(signal, () => over.abort(new Error(signal)))
const receiver = await openReceiver()
try {
  const { id } = await demo()
  clearTimeout(limit)
  console.log(`Done in ${((performance.now() - started) / 1000).toFixed(1)} s: ${join(out, 'storyboard.png')}`)
  if (flags.open) await showUntilStopped(signIn.link(servers.url, id))
} catch (error) {
  const why = over.signal.aborted ? over.signal.reason : error
  console.error(`\nThe demo failed: ${sentenceOf(why)}`)
  console.error(['The last words of the runner:', ...runnerLines.slice(-5)].join('\n  '))
  process.exitCode = 1
} finally {
  clearTimeout(limit)
  receiver.close()
  await servers.stop()
}

function fail(message: string): never {
  console.error(`The demo failed: ${message}`)
  process.exit(1)
}

/** Throws when the servers end by themselves. */
async function showUntilStopped(link: string): Promise<void> {
  console.log(`The playground, signed in; this link works once, and Ctrl-C ends it all:\n  ${link}`)
  openInBrowser(link)
  await once(over.signal, 'abort')
  if (!SIGNALS.includes(over.signal.reason.message)) throw over.signal.reason
}

async function demo(): Promise<Story> {
  console.log(`The edge listens on ${servers.url}; posting "${story.title}", ${story.frames.length} frames.`)
  const { key: secret } = WebhookSecret.parse(await (await call('/webhooks/secret')).json())
  const body = JSON.stringify({ ...story, webhook: receiver.url, webhook_events_filter: ['completed'] })
  const posted = Story.parse(await (await call('/stories', { method: 'POST', body })).json())

  const finished = await follow(posted)
  if (finished.status !== 'succeeded')
    throw new Error(`the story ended as ${finished.status}: ${finished.error?.message ?? 'without an error'}`)

  const announced = await receiver.verified(secret)
  if (announced.type !== 'story.completed' || announced.data.id !== finished.id)
    throw new Error(
      `expected the webhook story.completed of ${finished.id}, got ${announced.type} of ${announced.data.id}`,
    )
  console.log(`The webhook ${announced.type} came, and its signature is right.`)

  await mkdir(out, { recursive: true })
  const { storyboard } = finished.urls
  if (!storyboard) throw new Error('the story succeeded without a storyboard')
  await download(storyboard, 'storyboard.png')
  for (const { index, url } of finished.frames) {
    if (!url) throw new Error(`the story succeeded without frame ${index}`)
    await download(url, `frame-${index}.png`)
  }
  await writeJson(join(out, 'story.json'), finished)
  return finished
}

/** Read the story until it has ended, as a bar of its steps and frames. */
async function follow({ urls }: Story): Promise<Story> {
  using bar = progressBar(story.title ?? 'story', 100, { percent: true })
  for (;;) {
    const now = Story.parse(await (await call(urls.self)).json())
    const frames = now.frames.filter(({ status }) => status === 'succeeded').length
    const { stage, step, steps } = now.progress ?? { stage: now.status, step: 0, steps: 0 }
    const ended = isTerminal(now.status)
    // The bar ends at 100, and the story only when it says so itself.
    const percent = ended ? 100 : Math.min(99, Math.round(100 * (now.progress?.fraction ?? 0)))
    bar(percent, `· ${ended ? now.status : stage} · step ${step}/${steps} · frame ${frames}/${now.frames.length}`)
    if (ended) return now
    await sleep(POLL_MS, undefined, { signal: over.signal })
  }
}

async function download(url: string, name: string): Promise<void> {
  const bytes = await (await call(url)).bytes()
  if (Buffer.from(bytes.subarray(1, 4)).toString() !== 'PNG') throw new Error(`${url} is not a PNG`)
  await writeWhole(join(out, name), bytes)
}

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
  const response = await fetch(new URL(path, servers.url), { ...init, headers, signal: over.signal })
  if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${response.status} ${await response.text()}`)
  return response
}

/** The app's webhook endpoint. */
async function openReceiver() {
  const { promise: first, resolve: receive } = Promise.withResolvers<{
    body: string
    headers: Record<string, string>
  }>()
  const server = createServer(async (request, response) => {
    receive({ body: await text(request), headers: request.headers as Record<string, string> })
    response.writeHead(204).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const gone = once(over.signal, 'abort').then(() => {
    throw over.signal.reason
  })
  gone.catch(() => {})
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fableframe`,
    /** The first webhook; throws unless it was signed with `secret`. */
    async verified(secret: string): Promise<StoryWebhook> {
      const { body, headers } = await Promise.race([first, gone])
      return StoryWebhook.parse(new Webhook(secret).verify(body, headers))
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
