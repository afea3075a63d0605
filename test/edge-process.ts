/** The edge as a process of its own, to be killed: `edge-process.ts <port> <data folder> <API key>`; prints its URL. */
import { startEdge } from '../local/edge.ts'
import { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET } from './worker.ts'

const [port, dataDir, apiKey] = process.argv.slice(2)
if (!port || !dataDir || !apiKey) throw new Error('usage: edge-process.ts <port> <data folder> <API key>')
const edge = await startEdge({ port: Number(port), dataDir, apiKey, env: { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET } })
console.log(edge.url)
