/** Frames as class indices, for classifiers and for conditional sampling statistics. */
import type { Frame } from './types.ts'
import { ATTRIBUTES, type Attribute, type Value, VOCABULARY } from './vocabulary.ts'

/** Attribute values of one character of a frame, with the frame's place and time; 'none' where something is absent. */
export function attributeValues(frame: Frame, character: number): { [A in Attribute]: Value<A> } {
  const actor = frame.actors[character]
  if (!actor) throw new RangeError(`attributeValues: character ${character} of ${frame.actors.length}`)
  const { species, fur, hair, top, bottom, accessory } = actor.identity
  return {
    species,
    fur,
    hairStyle: hair?.style ?? 'none',
    hairColour: hair?.colour ?? 'none',
    topType: top.type,
    topColour: top.colour,
    topPattern: top.pattern,
    bottomType: bottom.type,
    bottomColour: bottom.colour,
    accessory: accessory?.type ?? 'none',
    accessoryColour: accessory?.colour ?? 'none',
    action: actor.action,
    expression: actor.expression,
    facing: actor.facing,
    place: frame.scene.place,
    time: frame.scene.time,
    weather: frame.scene.weather ?? 'clear',
    view: frame.scene.view ?? 'medium',
    prop: actor.prop ?? 'none',
  }
}

/** The same as positions in `VOCABULARY`. */
export function attributeLabels(frame: Frame, character: number): Record<Attribute, number> {
  const values = attributeValues(frame, character)
  const entries = ATTRIBUTES.map((name) => [name, (VOCABULARY[name] as readonly string[]).indexOf(values[name])])
  return Object.fromEntries(entries)
}
