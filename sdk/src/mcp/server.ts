/** A server of the Model Context Protocol (modelcontextprotocol.io) with tools alone. */
import type { Fableframe } from '../client.ts'
import { type Call, INVALID_PARAMS, METHOD_NOT_FOUND, RpcError } from './json-rpc.ts'
import { callTool, TOOLS } from './tools.ts'

/** Revisions whose tools are the same, the newest first. */
const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']

/** Answers the calls of a client. */
export function mcpServer(client: Fableframe, version: string): (call: Call) => Promise<object> {
  return async ({ method, params, signal, notify }) => {
    switch (method) {
      case 'initialize':
        return {
          protocolVersion: VERSIONS.find((known) => known === params.protocolVersion) ?? VERSIONS[0],
          capabilities: { tools: {} },
          serverInfo: { name: 'fableframe', title: 'Fableframe', version },
          instructions:
            'Generates the pictures of a story, in which the same characters look the same. Describe each character once, and call it by name in the prompts.',
        }
      case 'ping':
        return {}
      case 'tools/list':
        return { tools: TOOLS }
      case 'tools/call': {
        const { name, arguments: given = {}, _meta } = params
        if (!TOOLS.some((tool) => tool.name === name)) throw new RpcError(INVALID_PARAMS, `no tool is called ${name}`)
        const { progressToken } = (_meta ?? {}) as { progressToken?: string | number }
        const report = (progress: number, message: string) => {
          if (progressToken !== undefined)
            notify('notifications/progress', { progressToken, progress, total: 1, message })
        }
        return callTool(client, String(name), given as Record<string, unknown>, { signal, report })
      }
      default:
        throw new RpcError(METHOD_NOT_FOUND, `no method ${method}`)
    }
  }
}
