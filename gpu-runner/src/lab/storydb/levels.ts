/** How much StoryDB draws and says, in levels. */

/**
 * 1: one large character, small vocabulary. 2: one character, all of it. 3: one to three characters, all of it. 4: one to
 * three characters, small vocabulary. 5: as 3, with captions in everyday words. 6: as
 * 5, with everything that StoryDB draws: more beasts, deeds, places and colours, props, weather, and views from near and far.
 */
export type Level = (typeof LEVELS)[number]
export const LEVELS = [1, 2, 3, 4, 5, 6] as const
