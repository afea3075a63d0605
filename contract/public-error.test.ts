import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publicError } from './public-error.ts'

const invalid = (message: string) => publicError({ code: 'invalid_story', message }).message

test('the words of a machine are not for customers', () => {
  const raw = 'onnxruntime cannot run the model: /srv/models/unet/x.safetensors at 10.0.0.7:8080'
  assert.deepEqual(publicError({ code: 'runner_failed', message: raw }), {
    code: 'runner_failed',
    message: 'a runner failed while it generated the story',
  })
  assert.deepEqual(publicError({ code: 'ENOSPC', message: raw }), {
    code: 'runner_failed',
    message: 'a runner failed while it generated the story',
  })
  assert.doesNotMatch(publicError({ code: 'not_finite', message: raw }).message, /srv|onnx/)
})

test('a story that is at fault is explained, without paths and addresses', () => {
  const pointer = '/characters/0/references/1: not a picture'
  assert.equal(invalid(pointer), pointer)
  assert.equal(
    invalid("/scheduler: 'x' does not fit this model; ddim, euler do"),
    "/scheduler: 'x' does not fit this model; ddim, euler do",
  )
  assert.equal(invalid("tensor 'a' in /srv/models/unet/diffusion.safetensors is broken"), "tensor 'a' in … is broken")
  assert.equal(invalid('C:\\models\\unet\\x.bin is broken'), '… is broken')
  assert.equal(
    invalid('https://a.example leads to 10.1.2.3:80, or fd00:0:0:1::7'),
    'https://a.example leads to …, or …',
  )
  assert.equal(invalid('see file:///home/me/x.json'), 'see …')
})
