/** The files that a runner makes of all frames of a story, by their columns: they come and go with its pictures. */
import { type SQL, sql } from 'drizzle-orm'
import { stories } from '../schema/stories.ts'

export type Page = keyof typeof NO_PAGES

/** For a story whose frames are to change, or are gone. */
export const NO_PAGES = { storyboard: null, storyboardWebp: null, bookPdf: null, consistencySheet: null } as const

const columns = (Object.keys(NO_PAGES) as Page[]).map((page) => sql`${stories[page]}`)

/** Keys of the pages of these stories, each with its story. One SELECT, since those of a UNION are few in D1. */
export const pagesOf = (storyIds: SQL): SQL => sql`SELECT page.value ->> 'key' AS "key", ${stories.id} AS story_id
  FROM ${stories}, json_each(json_array(${sql.join(columns, sql`, `)})) AS page
  WHERE ${stories.id} IN ${storyIds} AND page.value IS NOT NULL`
