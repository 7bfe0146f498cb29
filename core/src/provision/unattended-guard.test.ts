import { expect, test } from 'vitest'
import { Blueprint } from './blueprint.ts'
import { answersEnv } from './unattended-guard.ts'

const parsed = (answers: unknown) =>
  Blueprint.safeParse({ title: 'X', stack: 'apps', create: { by: 'script', script: 'x', answers } })

test('answers go to the shell as lines in turn, also an empty one', () => {
  expect(answersEnv([])).toEqual({})
  expect(
    answersEnv([
      { question: 'Press any key', answer: '' },
      { question: 'Use it', answer: 'no' },
    ]),
  ).toEqual({ HOMELAB_ANSWERS: 'Press any key\n\nUse it\nno' })
})

test.each([
  ['a second line, which would be the next question', { question: 'a', answer: 'b\nc' }, /one line/],
  ['a number', { question: 'a', answer: 1 }, /in quotes/],
  ['no words of a question, which every one has', { question: '', answer: 'yes' }, /./],
])('an answer is not %s', (_name, answer, problem) => {
  expect(parsed([answer]).error?.message).toMatch(problem)
  expect(parsed([{ question: 'a', answer: 'b' }]).success).toBe(true)
})
