/** An edge as a process of its own, so that a test can kill it: `node edge-process.ts <port> <data folder> <settings>`. */
import { startEdge } from './edge.ts'

const [port, dataDir = null, settings = '{}'] = process.argv.slice(2)
const { apiKey, entry, ...env } = JSON.parse(settings) as Record<string, string>
const edge = await startEdge({
  port: Number(port),
  dataDir,
  env,
  log: (line) => process.stderr.write(line),
  ...(apiKey !== undefined && { apiKey }),
  ...(entry !== undefined && { entry }),
})
console.log(edge.url)
