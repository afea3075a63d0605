#!/usr/bin/env node
/** `npx fableframe mcp` */
import { createInterface } from 'node:readline'
import { Fableframe } from './client.ts'
import { FableframeError } from './errors.ts'
import { serveLines } from './mcp/json-rpc.ts'
import { mcpServer } from './mcp/server.ts'
import { VERSION } from './version.ts'

const HELP = `fableframe ${VERSION}

Usage: fableframe mcp    Serve the Model Context Protocol on standard input and output: create_story, get_story, redraw_frame

Environment:
  FABLEFRAME_API_KEY     ff_live_…
  FABLEFRAME_EDGE_URL    where the edge is, such as https://stories.example
`

const [command, ...rest] = process.argv.slice(2)
if (command === undefined || [command, ...rest].some((word) => word === '--help' || word === '-h')) {
  process.stdout.write(HELP)
} else if (command === '--version') {
  process.stdout.write(`${VERSION}\n`)
} else if (command !== 'mcp' || rest.length > 0) {
  process.stderr.write(`fableframe: unknown: ${[command, ...rest].join(' ')}; try fableframe --help\n`)
  process.exitCode = 2
} else {
  try {
    const answer = mcpServer(new Fableframe(), VERSION)
    await serveLines(createInterface({ input: process.stdin }), (line) => process.stdout.write(line), answer)
  } catch (error) {
    if (!(error instanceof FableframeError)) throw error
    process.stderr.write(`fableframe mcp: ${error.message}\n`)
    process.exitCode = 2
  }
}
