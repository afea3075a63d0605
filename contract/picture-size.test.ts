import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSize, sizeOfRatio } from './picture-size.ts'

test('WxH', () => {
  assert.deepEqual(parseSize('1024x768'), { width: 1024, height: 768 })
  for (const wrong of ['', '1024', 'axb', '10x', '1024×768', '1e3x64', '123456x64', ' 64x64'])
    assert.equal(parseSize(wrong), undefined, wrong)
})

test('a ratio keeps the area of the model, within what it can draw', () => {
  const square = { size: { width: 512, height: 512 }, largest_side: 1024, side_multiple: 8 }
  assert.deepEqual(sizeOfRatio('1:1', square), { width: 512, height: 512 })
  assert.deepEqual(sizeOfRatio('16:9', square), { width: 680, height: 384 })
  assert.deepEqual(sizeOfRatio('9:16', square), { width: 384, height: 680 })
  assert.deepEqual(sizeOfRatio('8:1', square), { width: 1024, height: 128 })
  assert.deepEqual(sizeOfRatio('16:9', { ...square, largest_side: 512 }), { width: 512, height: 288 })
  assert.deepEqual(sizeOfRatio('4:3', { ...square, side_multiple: 64 }), { width: 576, height: 384 })
  for (const wrong of ['', '16', '16/9', '0:1', '9:1', '1:100', 'a:b', '1.5:1'])
    assert.equal(sizeOfRatio(wrong, square), undefined, wrong)
})
