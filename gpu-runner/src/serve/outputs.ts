/** Where finished frames go: into the answer as data URIs, or by PUT to somebody who keeps them. */

const TIMEOUT_MS = 30_000

/** `base` and the name make the URL; without a base the picture is a data URI. Throws when it is not taken. */
export async function publish(
  base: string | undefined,
  png: Uint8Array,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  if (base === undefined) return `data:image/png;base64,${Buffer.from(png).toString('base64')}`
  const url = `${base}${name}`
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'image/png' },
    body: new Uint8Array(png),
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  })
  await response.body?.cancel()
  if (!response.ok) throw new Error(`the upload of ${name} was answered ${response.status}`)
  const kept = new URL(response.headers.get('location') ?? url, url)
  kept.search = ''
  return kept.href
}
