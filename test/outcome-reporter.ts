import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { SerializedError } from 'vitest';
import type { Reporter, TestModule, Vitest } from 'vitest/node';

/** What became of a run of vitest, in the form in which it is handed to test/run.ts. */
export interface Outcome {
  passed: number;
  /** With the reason: tests, files that do not load, and errors that nobody handled. */
  failed: string[];
  /** Passed when they ran once more. */
  secondTries: string[];
  skipped: string[];
}

/** Whoever sees only the end of a log has to learn from it what failed, so each reason is short. */
const REASON_CHARACTERS = 400;

/**
 * Writes the outcome to the file that OVERCALL_OUTCOME names. Vitest's own JSON leaves out errors outside of tests, and second tries.
 * @public vitest loads it
 */
export default class OutcomeReporter implements Reporter {
  #root = '';

  onInit({ config }: Vitest): void {
    this.#root = config.root;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const outcome: Outcome = { passed: 0, failed: [], secondTries: [], skipped: [] };
    for (const module of modules) this.#addModule(outcome, module);
    for (const error of unhandled) outcome.failed.push(`outside of tests: ${reasonOf(error)}`);
    writeFileSync(process.env.OVERCALL_OUTCOME!, JSON.stringify(outcome));
  }

  #addModule(outcome: Outcome, module: TestModule): void {
    const file = relative(this.#root, module.moduleId);
    for (const error of module.errors()) outcome.failed.push(`${file}: ${reasonOf(error)}`);
    for (const suite of module.children.allSuites())
      for (const error of suite.errors())
        outcome.failed.push(`${file} > ${suite.fullName}: ${reasonOf(error)}`);
    for (const test of module.children.allTests()) {
      const name = `${file} > ${test.fullName}`;
      const { state, errors } = test.result();
      const named = `${name}: ${errors?.[0] ? reasonOf(errors[0]) : 'no reason given'}`;
      if (state === 'passed') outcome.passed++;
      else if (state === 'failed') outcome.failed.push(named);
      else outcome.skipped.push(name);
      if (test.diagnostic()?.flaky) outcome.secondTries.push(named);
    }
  }
}

function reasonOf({ name, message, stack }: SerializedError): string {
  const at = /\((?:file:\/\/)?[^()]*?([^/()]+:\d+):\d+\)|at (?:file:\/\/)?\S*?([^/\s]+:\d+):\d+/.exec(
    stack ?? '',
  );
  const where = at ? ` (${at[1] ?? at[2]})` : '';
  return `${name ?? 'Error'}: ${message}`.replace(/\s+/g, ' ').slice(0, REASON_CHARACTERS) + where;
}
