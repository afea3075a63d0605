/** How Replicate's clients name our models: `owner/name`, `owner/name:version`, or the version alone. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

/** The owner of models whose name has none. */
const OWNER = 'fableframe'

export interface ModelRef {
  /** As runners and `POST /stories` call it. */
  model: string
  owner: string
  name: string
  /** 64 hex digits that stand for the name. The edge does not see the weights, so they do not stand for those. */
  version: string
}

export function refOf(model: string): ModelRef {
  const slash = model.indexOf('/')
  const owner = slash > 0 ? model.slice(0, slash) : OWNER
  const name = model.slice(slash + 1)
  return { model, owner, name, version: bytesToHex(sha256(new TextEncoder().encode(`${owner}/${name}`))) }
}

/** The model that `text` names; undefined when none of `models` does. */
export function findRef(models: readonly string[], text: string): ModelRef | undefined {
  return models.map(refOf).find(({ owner, name, version }) => {
    const ref = `${owner}/${name}`
    return [version, ref, `${ref}:${version}`].includes(text)
  })
}
