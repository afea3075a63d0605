import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameKey, splitAtMentions } from './mentions.ts'

/** Names that `prompt` calls, each once, in the order in which it does. */
const called = (names: readonly string[], prompt: string) => [
  ...new Set(
    splitAtMentions(prompt, names).flatMap(({ character }) => (character === undefined ? [] : [names[character]])),
  ),
]

const nfd = (text: string) => text.normalize('NFD')

const cases: readonly (readonly [names: string[], prompt: string, called: string[]])[] = [
  [['Al'], 'Al waves', ['Al']],
  [['Al'], 'He also waves', []],
  [['Al'], 'al-Qahira at night', []],
  [['Rose'], 'Rose holds a rose', ['Rose']],
  [['Rose'], 'the sun rose over the forest', []],
  [['Will'], 'I will wave', []],
  [['Mark', 'May'], 'it may leave a mark', []],
  [['Zora'], 'ZORA and zora', ['Zora']],
  [['Fern'], 'fern waves', ['Fern']],
  [['Fern'], 'a mouse under the fern', []],
  [['Fern'], "Fern's book lies on the bed", ['Fern']],
  [['Fern'], 'Fern’s tail', ['Fern']],
  [['Fern'], 'Fernando waves', []],
  [['Fern'], '(Fern:1.3) waves', ['Fern']],
  [['Ann', 'Ann Marie'], 'Ann Marie waves', ['Ann Marie']],
  [['Ann', 'Ann Marie'], 'Ann and Ann Marie', ['Ann', 'Ann Marie']],
  [['Ann', 'Ann Marie'], 'Ann  Marie waves', ['Ann Marie']],
  [['Ann', 'Ann Marie'], 'Ann-Marie waves', []],
  [['Ann-Marie'], 'Ann-Marie waves', ['Ann-Marie']],
  [['Mary Jane'], 'Mary\nJane waves', ['Mary Jane']],
  [['さくら'], 'さくらが走る', ['さくら']],
  [['小明'], '小明在跑步', ['小明']],
  [['明'], '明天小明来', []],
  [['マリ'], 'マリオが走る', []],
  [['マリ'], 'マリが走る', ['マリ']],
  [['สมชาย'], 'สมชายวิ่ง', ['สมชาย']],
  [['민수'], '민수가 달린다', ['민수']],
  [['민수'], '민수진이 달린다', []],
  [['سارة'], 'وسارة تركض', ['سارة']],
  [['Маша'], 'Маша бежит', ['Маша']],
  [['Маша'], 'Машу видно', ['Маша']],
  [['Маша'], 'Мы дали Маше книгу', ['Маша']],
  [['Иван'], 'Ивана видно', ['Иван']],
  [['Маша'], 'машинист бежит', []],
  [['Роман'], 'романа', []],
  [['Anna'], 'widać Annę', ['Anna']],
  [['Anna'], 'Annie waves', []],
  [['José'], `${nfd('José')} waves`, ['José']],
  [[nfd('José')], 'José waves', [nfd('José')]],
  [['İpek'], 'ipek waves', ['İpek']],
  [['İpek'], 'İpek waves', ['İpek']],
  [['Işıl'], 'IŞIL waves', ['Işıl']],
  [['R2 (old)', 'R2'], 'R2 (old) meets R2', ['R2 (old)', 'R2']],
]

for (const [names, prompt, expected] of cases)
  test(`${JSON.stringify(prompt)} calls ${expected.join(' and ') || 'nobody'} of ${names.join(', ')}`, () =>
    assert.deepEqual(called(names, prompt), expected))

test('the stretches of a prompt put together are the prompt, and a null name is not looked for', () => {
  const prompt = 'Then Ash hugs Bea, and Bea waves.'
  const stretches = splitAtMentions(prompt, ['Ash', null, 'Bea'])
  assert.equal(stretches.map(({ text }) => text).join(''), prompt)
  assert.deepEqual(
    stretches.map(({ character }) => character),
    [undefined, 0, undefined, 2, undefined, 2, undefined],
  )
  assert.deepEqual(splitAtMentions(prompt, [null]), [{ text: prompt }])
})

test('the same name in other letters has the same key', () => {
  assert.equal(nameKey(nfd('José')), nameKey('JOSÉ'))
  assert.equal(nameKey('İpek'), nameKey('ipek'))
  assert.equal(nameKey('Mary  Jane'), nameKey('mary jane'))
  assert.notEqual(nameKey('Ann'), nameKey('Anna'))
})
