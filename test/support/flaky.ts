/**
 * Tests that passed only at their second try, at the end of the output where nobody misses them: on a machine that others use as
 * well, one of thousands that waits for a process may be late. Each is a fault of the test, or of what it tests, and is to be mended.
 */
import type { Reporter, TestCase } from 'vitest/node'

/** In CI, which decides what lands. A developer sees a failure as it is. */
export const retry = process.env.CI === undefined ? 0 : 1

export default class Flaky implements Reporter {
  readonly #found: string[] = []

  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky !== true) return
    // Of the first try: whoever mends it has nothing else.
    const [error] = test.result().errors ?? []
    const [at] = error?.stacks ?? []
    const why = error === undefined ? [] : [error.message, ...(error.diff === undefined ? [] : [error.diff])]
    const where = at === undefined ? [] : [`at ${at.file}:${at.line}`]
    const lines = [...why, ...where].flatMap((text) => text.split('\n')).slice(0, 30)
    this.#found.push(
      [`${test.module.relativeModuleId} > ${test.fullName}`, ...lines.map((line) => `    ${line}`)].join(
        '\n',
      ),
    )
  }

  onTestRunEnd(): void {
    if (this.#found.length === 0) return
    console.log(`\n${this.#found.length} passed only at the second try, and are to be mended:`)
    for (const name of this.#found) console.log(`  FLAKY ${name}`)
  }
}
