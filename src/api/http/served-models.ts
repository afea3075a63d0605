/** Which models stories may ask for: those that the setting MODELS names, and those that runners have announced. */
import type { D1Database } from '@cloudflare/workers-types'
import type { Context } from 'hono'
import { type AnnouncedModel, announcedModels } from '../../db/runners/list.ts'
import type { AppEnv } from './app-env.ts'

/** For so long an isolate does not ask the database again. */
const FRESH_MS = 5_000

export interface ServedModel {
  readonly name: string
  /** As a runner announced it last; null for one that the setting names and no runner has announced. */
  readonly announced: AnnouncedModel | null
}

const known = new WeakMap<D1Database, { readAt: number; models: AnnouncedModel[] }>()

/** Those of the setting first. */
export async function servedModels(c: Context<AppEnv>): Promise<ServedModel[]> {
  const { db, settings, tools } = c.var
  const now = tools.now()
  let read = known.get(c.env.DB)
  if (!read || Math.abs(now - read.readAt) > FRESH_MS) {
    read = { readAt: now, models: await announcedModels(db, now) }
    known.set(c.env.DB, read)
  }
  const announced = read.models
  const named = settings.MODELS.map((name) => ({ name, announced: announced.find((one) => one.name === name) ?? null }))
  const others = announced.filter(({ name }) => !settings.MODELS.includes(name))
  return [...named, ...others.map((model) => ({ name: model.name, announced: model }))]
}

/** After a runner has announced itself, or gone. */
export const forgetServedModels = (c: Context<AppEnv>): boolean => known.delete(c.env.DB)

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
