/** Which models stories may ask for: those that the setting MODELS names, and those that runners have announced. */
import type { Context } from 'hono'
import { type AnnouncedModel, announcedModels } from '../../db/runners/list.ts'
import type { AppEnv } from './app-env.ts'

/** For so long an isolate does not ask the database again. */
const FRESH_MS = 30_000

export interface ServedModel {
  readonly name: string
  /** As a runner announced it last; null for one that the setting names and no runner has announced. */
  readonly announced: AnnouncedModel | null
}

/** Those of the setting first. */
export async function servedModels(c: Context<AppEnv>): Promise<ServedModel[]> {
  const { db, settings, tools, models: cache } = c.var
  const now = tools.now()
  if (!cache.read || Math.abs(now - cache.read.at) > FRESH_MS)
    cache.read = { at: now, models: await announcedModels(db, now) }
  const announced = cache.read.models
  const named = settings.MODELS.map((name) => ({ name, announced: announced.find((one) => one.name === name) ?? null }))
  const others = announced.filter(({ name }) => !settings.MODELS.includes(name))
  return [...named, ...others.map((model) => ({ name: model.name, announced: model }))]
}

/** After a runner has announced itself, or gone. */
export const forgetServedModels = (c: Context<AppEnv>): void => {
  c.var.models.read = undefined
}

/**
 * The name of the model of stories that name none: the first of MODELS. Where that is left to its default, and runners are
 * there for others only, it is one of theirs.
 */
export function usualModel(c: Context<AppEnv>, served: readonly ServedModel[]): string {
  const first = c.var.settings.MODELS[0]
  const isPresent = ({ announced }: ServedModel) => (announced?.present ?? 0) > 0
  if (c.env.MODELS !== undefined || served.some((model) => model.name === first && isPresent(model))) return first
  return served.find(isPresent)?.name ?? first
}
