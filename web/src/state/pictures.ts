/** Files that were dropped or chosen, made into reference pictures small enough to travel inside a request. */
import type { Picture } from './form.ts'

/** Photographs of today's cameras are below this. */
const MAX_BYTES = 20 * 1024 * 1024
const TYPES = ['image/png', 'image/jpeg', 'image/webp']
/** Characters of a data URI: sixteen of these fit into a request of 1 MiB. */
const MAX_LENGTH = 60_000
/** More than image encoders look at. */
const MAX_SIDE = 512
const QUALITIES = [0.92, 0.85, 0.75, 0.6, 0.4]

/** The picture, or a sentence that says why the file is none. */
export async function readPicture(file: File): Promise<Picture | { wrong: string }> {
  const { name, size, type } = file
  if (size === 0) return { wrong: `${name} is empty (0 bytes).` }
  if (!TYPES.includes(type)) return { wrong: `${name} is no picture that can be read: choose a PNG, JPEG or WebP.` }
  if (size > MAX_BYTES)
    return { wrong: `${name} has ${inMegabytes(size)}; a picture may have ${inMegabytes(MAX_BYTES)}.` }
  const bitmap = await createImageBitmap(file).catch(() => null)
  if (!bitmap) return { wrong: `${name} cannot be read as a picture: the file is damaged, or is none.` }
  const whole = size * 1.34 < MAX_LENGTH ? await dataUriOf(file) : ''
  return { name, source: whole !== '' && whole.length <= MAX_LENGTH ? whole : reduced(bitmap) }
}

function reduced(bitmap: ImageBitmap): string {
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(bitmap.width * scale))
  canvas.height = Math.max(1, Math.round(bitmap.height * scale))
  const context = canvas.getContext('2d')
  if (context) {
    // JPEG has no transparency, and would make it black.
    context.fillStyle = '#fff'
    context.fillRect(0, 0, canvas.width, canvas.height)
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  }
  const made = QUALITIES.map((quality) => () => canvas.toDataURL('image/jpeg', quality))
  let source = ''
  for (const make of made) if ((source = make()).length <= MAX_LENGTH) break
  return source
}

function dataUriOf(file: File): Promise<string> {
  const reader = new FileReader()
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(file)
  })
}

const inMegabytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MB`
