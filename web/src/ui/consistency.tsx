/** How alike the characters are from frame to frame, and on demand where each of them was found. */
import { useState } from 'preact/hooks'
import type { Story } from '../../../sdk/src/types.ts'
import { hereOf } from '../client.ts'
import { Icon } from './icons.tsx'

export function Consistency({ story }: { story: Story }) {
  const [shown, setShown] = useState(false)
  const { consistency } = story
  if (!consistency) return null
  const { score, frames, overlay_url, warnings } = consistency
  return (
    <section class="consistency" aria-labelledby="consistency">
      <div class="section-head">
        <h2 id="consistency">Consistency</h2>
        <p>
          {score === null
            ? 'Nobody is in more than one frame, so there is nothing to compare.'
            : `From frame to frame, the characters are the same with a probability of ${percent(score)}.`}
        </p>
        {overlay_url !== null && (
          <button type="button" aria-expanded={shown} aria-controls="overlay" onClick={() => setShown(!shown)}>
            <Icon name="eye" /> {shown ? 'Hide' : 'Show'} who was found where
          </button>
        )}
      </div>
      {warnings.map((warning) => (
        <p key={warning}>{warning}</p>
      ))}
      {shown && overlay_url !== null && (
        <div id="overlay" class="overlay">
          <img src={hereOf(overlay_url)} alt="All frames, with every character outlined and its score" />
          <table>
            <caption class="hidden">Scores by frame</caption>
            <thead>
              <tr>
                <th scope="col">Frame</th>
                <th scope="col">Score</th>
                <th scope="col">Characters</th>
              </tr>
            </thead>
            <tbody>
              {frames.map(({ index, score, characters }) => (
                <tr key={index}>
                  <th scope="row">{index + 1}</th>
                  <td>{percent(score)}</td>
                  <td>{characters.map((one) => `${one.id} ${percent(one.score)}`).join(', ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

const percent = (score: number | null) => (score === null ? '–' : `${Math.round(100 * score)} %`)
