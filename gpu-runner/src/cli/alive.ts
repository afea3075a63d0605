/** For a container's health check: exits 1 unless the runner's main thread has been alive within the last minute. */
import { statSync } from 'node:fs'
import { ALIVE_MS } from '../service/liveness.ts'

const file = process.env.FABLEFRAME_LIVENESS_FILE ?? ''
const last = statSync(file, { throwIfNoEntry: false })?.mtimeMs
const isAlive = last !== undefined && Date.now() - last < 6 * ALIVE_MS
if (!isAlive) process.stderr.write(`the runner has not been alive for ${(6 * ALIVE_MS) / 1000} s, by ${file}\n`)
process.exitCode = isAlive ? 0 : 1
