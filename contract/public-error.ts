/**
 * What customers learn of a runner's failure. The words of machines, their paths, hosts and libraries, stay in the logs:
 * only a story that is at fault itself, or a picture that could not be fetched, is explained in the runner's words.
 */
import type { StoryError } from './story-view.ts'

const FIXED: Record<string, string> = {
  runner_failed: 'a runner failed while it generated the story',
  not_finite:
    'numbers overflowed in the model; other settings (scheduler, steps, guidance_scale) or another prompt may help',
}
const EXPLAINED = ['invalid_story', 'picture_unavailable']

export function publicError({ code, message }: StoryError): StoryError {
  const known = FIXED[code]
  if (known !== undefined) return { code, message: known }
  if (EXPLAINED.includes(code)) return { code, message: withoutPlaces(message) }
  return { code: 'runner_failed', message: FIXED.runner_failed! }
}

/** Fields of a story, at which a JSON pointer begins; other absolute paths are of somebody's machine. */
const POINTER =
  /^\/(?:characters|frames|anchors|bank|consistency|scheduler|width|height|steps|clip_skip|seed|model|style|negative_prompt|guidance_\w+)(?![\w.-])/

/** The message without absolute paths, file URLs and addresses. */
function withoutPlaces(message: string): string {
  return message
    .replace(/\bfile:\/\/\S+/g, '…')
    .replace(/(?<![\w.:/])(?:[A-Za-z]:\\|\/)[\w.-]+(?:[\\/][\w.@+-]+)+/g, (path) => (POINTER.test(path) ? path : '…'))
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, '…')
    .replace(/(?<![\w:])\[?(?:[0-9a-f]{0,4}:){3,}[0-9a-f]{0,4}\]?(?![\w:])/gi, '…')
}
