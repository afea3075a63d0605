/** `npm start`: the edge and a runner on this machine, until SIGINT or SIGTERM. */
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { newApiKey } from '../src/db/keys/new-key.ts'
import { startServers } from './servers.ts'

const { PORT = '8787', FABLEFRAME_DATA = '.fableframe', FABLEFRAME_API_KEY, LEASE_SECONDS = '15' } = process.env
const port = Number(PORT)
if (!Number.isInteger(port) || port < 0 || port > 65_535) fail(`PORT is '${PORT}'; a number from 0 to 65535 is wanted`)
const tools = { now: Date.now, randomBytes: (count: number) => new Uint8Array(randomBytes(count)) }
const apiKey = FABLEFRAME_API_KEY ?? (await newApiKey('local', tools)).key

const servers = await startServers({
  port,
  dataDir: resolve(FABLEFRAME_DATA),
  apiKey,
  edgeEnv: { LEASE_SECONDS },
  onRunnerLine: (line) => console.error(line),
  onRunnerExit: (how, retryInMs) => console.error(`The runner ended (${how}); starting it again in ${retryInMs} ms.`),
}).catch((error) => fail(`The edge did not start: ${error.message}`))
let stopping: Promise<void> | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (stopping ??= stop(signal)))
const { url } = servers

console.log(`Fableframe listens on ${url} (data in ${FABLEFRAME_DATA}, API reference in ${url}/openapi.json)
${FABLEFRAME_API_KEY ? 'The API key is the one in FABLEFRAME_API_KEY.' : `API key, shown this once: ${apiKey}`}

Post a first story:
  curl ${url}/stories -H 'authorization: Bearer ${FABLEFRAME_API_KEY ? '$FABLEFRAME_API_KEY' : apiKey}' \\
    -H 'content-type: application/json' -d '{
      "characters": [{ "id": "fox", "name": "Fern", "description": "an orange fox wearing a blue shirt" }],
      "frames": [{ "prompt": "Fern waves at the beach" }, { "prompt": "Fern reads a book in the bedroom at night" }]
    }'
and open the "self" link of the answer with the same authorization to see it become pictures.`)

async function stop(signal: string): Promise<void> {
  console.error(`${signal}: stopping.`)
  await servers.stop()
  process.exit(0)
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
