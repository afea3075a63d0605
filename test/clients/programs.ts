/** What is written with each generated client: post a story, and poll it to its end. Compiled against the generated code. */

export const PROGRAMS = {
  'openapi-typescript': `
import type { paths } from './openapi-typescript/types'
type Create = paths['/stories']['post']
type Read = paths['/stories/{id}']['get']

export async function run(url: string, key: string): Promise<string> {
  const headers = { authorization: \`Bearer \${key}\`, 'content-type': 'application/json' }
  const story: Create['requestBody']['content']['application/json'] = {
    frames: [{ prompt: 'one' }],
    guidance_interval: [0.1, 0.8],
  }
  const posted = await fetch(url + '/stories', { method: 'POST', headers, body: JSON.stringify(story) })
  const accepted: Create['responses'][202]['content']['application/json'] = await posted.json()
  const read = await fetch(\`\${url}/stories/\${accepted.id}?wait=20\`, { headers })
  const found: Read['responses'][200]['content']['application/json'] = await read.json()
  return found.status
}`,
  'hey-api': `
import { getStoriesId, postStories, postStoriesDryRun } from './hey-api'
import { client } from './hey-api/client.gen'

export async function run(url: string, key: string): Promise<string> {
  client.setConfig({ baseUrl: url, auth: key })
  const body = { frames: [{ prompt: 'one' }] }
  const dry = await postStoriesDryRun({ body, throwOnError: true })
  if (dry.data.frames !== 1) throw new Error('a dry run of one frame')
  const accepted = await postStories({ body, throwOnError: true })
  const { data } = await getStoriesId({ path: { id: accepted.data.id }, query: { wait: 20 }, throwOnError: true })
  return data.status
}`,
  orval: `
import { getStoriesId, postStories } from './orval/client'

export async function run(url: string, key: string): Promise<string> {
  const original = globalThis.fetch
  globalThis.fetch = (path, init) => original(new URL(String(path), url), init)
  const options = { headers: { authorization: \`Bearer \${key}\` } }
  const accepted = await postStories({ frames: [{ prompt: 'one' }] }, options)
  if (accepted.status !== 202) throw new Error(accepted.data.detail)
  const read = await getStoriesId(accepted.data.id, { wait: 20 }, options)
  globalThis.fetch = original
  if (read.status !== 200) throw new Error(String(read.status))
  return read.data.status
}`,
}
