/** What captions of the plain levels put in place of values that those levels do not draw: the nearest that they do. */
import type { Attribute, Value } from './vocabulary.ts'

type Nearest = { readonly [A in Attribute]?: Partial<Record<Value<A>, string>> }

/** "attribute:value" by value of each attribute. Props are objects in the hand: without one a character just stands. */
const nearest: Nearest = {
  species: {
    ...{ boy: 'species:girl', mouse: 'species:rabbit', dog: 'species:fox', panda: 'species:bear' },
    ...{ penguin: 'species:bear', elephant: 'species:pig', lion: 'species:cat', tiger: 'species:cat' },
    ...{ monkey: 'species:bear', owl: 'species:cat', duck: 'species:rabbit', cow: 'species:pig' },
    ...{ horse: 'species:bear', sheep: 'species:rabbit', dragon: 'species:frog', squirrel: 'species:fox' },
  },
  topType: { jacket: 'topType:sweater', hoodie: 'topType:sweater' },
  topPattern: { dotted: 'topPattern:striped' },
  accessory: {
    ...{ glasses: 'accessory:cap', bow: 'accessory:party hat', backpack: 'accessory:scarf' },
    'wizard hat': 'accessory:party hat',
  },
  action: {
    ...{ sleeping: 'action:sitting', pointing: 'action:waving', eating: 'action:sitting', dancing: 'action:jumping' },
    ...{ flower: 'action:balloon', kicking: 'action:running', walking: 'action:running', swimming: 'action:cheering' },
    ...{ riding: 'action:running', hugging: 'action:cheering', giving: 'action:waving', painting: 'action:reading' },
    ...{
      singing: 'action:cheering',
      fishing: 'action:sitting',
      drinking: 'action:sitting',
      holding: 'action:standing',
    },
  },
  expression: { angry: 'expression:sad' },
  place: {
    ...{ space: 'time:night', farm: 'place:forest', kitchen: 'place:bedroom', park: 'place:forest' },
    ...{ library: 'place:bedroom', circus: 'place:castle', 'living room': 'place:bedroom', bathroom: 'place:bedroom' },
    ...{ classroom: 'place:bedroom', shop: 'place:city', garden: 'place:forest', meadow: 'place:forest' },
    ...{ mountain: 'place:snow', lake: 'place:beach', cave: 'place:desert', ship: 'place:beach' },
  },
  time: { sunset: 'time:day' },
  weather: { snow: 'place:snow' },
}

/** "attribute:value" by "attribute:value" of all that has a nearest value. */
export const standIns: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(nearest).flatMap(([attribute, values]) =>
    Object.entries(values).map(([value, instead]) => [`${attribute}:${value}`, instead]),
  ),
)
