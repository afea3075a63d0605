/** `npm start`: the edge and a runner on this machine, until Ctrl-C, SIGTERM, or the end of the npm that started it. */
import { relative } from 'node:path'
import { command } from '../gpu-runner/src/cli/command.ts'
import { type KeptKey, keepApiKey } from './api-key.ts'
import { whenNpmEnds } from './npm-parent.ts'
import { startServers } from './servers.ts'
import { environmentOrExit } from './settings.ts'
import { signInLinks } from './sign-in.ts'

const { values } = command(
  'start',
  `usage: npm start [-- --wake]

Runs the edge and a runner on this machine until Ctrl-C.
  --wake  the runner is started when a story comes, and ends after FABLEFRAME_IDLE_EXIT (60) seconds without one
Settings are environment variables: PORT (8787), FABLEFRAME_DATA (.fableframe), FABLEFRAME_API_KEY, FABLEFRAME_MODEL and
those of edge and runner.`,
).read({ wake: { type: 'boolean', default: false } })
const { port, dataDir, apiKey, edgeEnv } = environmentOrExit()
const kept = apiKey === undefined ? await keepApiKey(dataDir) : undefined
const key = apiKey ?? kept?.key ?? ''
const signIn = signInLinks(key)
let ending: Promise<void> | undefined
const servers = await startServers({
  port,
  dataDir,
  apiKey: key,
  edgeEnv,
  signIn: signIn.exchange,
  wake: values.wake === true,
  onRunnerLine: (line) => console.error(line),
  onRunnerExit: (how, retryInMs) => {
    const next = retryInMs === undefined ? 'the next story starts another' : `starting it again in ${retryInMs} ms`
    console.error(`The runner ended (${how}); ${next}.`)
  },
  onEdgeExit: (how, retryInMs) => console.error(`The edge ended (${how}); starting it again in ${retryInMs} ms.`),
  onEdgeReturn: (url) => console.error(`The edge listens again on ${url}.`),
  onEdgeLost: (error) => end(`the edge did not start again: ${error.message}`, 1),
}).catch((error) => fail(`The edge did not start: ${error.message}`))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end(signal, 0))
// The terminal was closed. Without one there is nothing to close, and nohup may have asked to go on.
if (process.stdin.isTTY) process.on('SIGHUP', () => end('SIGHUP', 0))
whenNpmEnds(() => end('npm has gone', 0))
console.log(welcome(servers.url, kept))

/** As one would type it here. */
function shown(path: string): string {
  const here = relative('', path)
  return here === '' || here.startsWith('..') ? path : here
}

function welcome(url: string, kept: KeptKey | undefined): string {
  const show = kept && `cat ${shown(kept.file)}`
  const key = kept?.isNew
    ? `API key: ${kept.key}\n(kept for the next start; \`${show}\` shows it again)`
    : show
      ? `The API key is the one of the first start; \`${show}\` shows it.`
      : 'The API key is the one in FABLEFRAME_API_KEY.'
  return `Fableframe listens on ${url} (data in ${shown(dataDir)}, API reference in ${url}/docs)

Open the playground, signed in; this link works once:
  ${signIn.link(url)}

${key}

Post a first story:
  curl ${url}/stories -H "authorization: Bearer ${show ? `$(${show})` : '$FABLEFRAME_API_KEY'}" \\
    -H 'content-type: application/json' -d '{
      "characters": [{ "id": "fox", "name": "Fern", "description": "an orange fox wearing a blue shirt" }],
      "frames": [{ "prompt": "Fern waves at the beach" }, { "prompt": "Fern reads a book in the bedroom at night" }]
    }'
and open the "self" link of the answer with the same authorization to see it become pictures.`
}

function end(why: string, code: number): Promise<void> {
  ending ??= (async () => {
    console.error(`${why}: stopping.`)
    await servers.stop()
    process.exit(code)
  })()
  return ending
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
