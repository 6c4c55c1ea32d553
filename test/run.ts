import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './outcome-reporter.ts';

/**
 * `npm test`: types, lint, what nobody uses, unit and end-to-end tests. Every step runs, so that one look shows everything, and what failed is named
 * once more at the end. Arguments go to vitest: `npm test -- packages/call` runs that folder only.
 */
const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs of vitest. */
const running = new Set<ChildProcess>();

/** Told to end, each run of vitest ends what it has started; this one waits for them and says nothing of results. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    const ended = [...running].map((child) => once(child, 'exit'));
    for (const child of running) child.kill('SIGTERM');
    void Promise.all(ended).then(() => process.exit(128 + constants.signals[signal]));
  });

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Runs a tool whose success counts as one test. */
function runStep(name: string, command: string[], total: Outcome): void {
  say(`\n== ${name}`);
  const { status } = spawnSync(command[0]!, command.slice(1), { cwd: root, stdio: 'inherit' });
  if (status === 0) total.passed++;
  else total.failed.push(name);
}

/** How a run of vitest has ended. */
interface Ended {
  project: string;
  report: string;
  printed: string;
  code: number | null;
}

/**
 * Scenarios wait for most of their time. Unit tests run beside them and take what processor time is left over: their
 * priority is lower. After them comes what bears company. What these print comes at the end.
 */
async function runTests(total: Outcome, filters: string[]): Promise<void> {
  say('\n== tests');
  const folder = mkdtempSync(join(tmpdir(), 'overcall-test-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  try {
    const beside = runBeside(folder, filters);
    const scenarios = runVitest('scenarios', folder, filters, 'inherit');
    const last = await scenarios.ended;
    const before = total.passed + total.failed.length + total.skipped.length;
    for (const ended of [...(await beside), last]) {
      say(ended.printed);
      addOutcome(total, ended);
    }
    if (total.passed + total.failed.length + total.skipped.length === before)
      throw new Error(`there are no tests like ${filters.join(' ')}`);
  } catch (error) {
    total.failed.push((error as Error).message);
  }
}

async function runBeside(folder: string, filters: string[]): Promise<Ended[]> {
  const all: Ended[] = [];
  if (filters.length === 0 || filters.some((filter) => !filter.startsWith('test/'))) {
    const unit = runVitest('unit', folder, filters, 'pipe');
    setPriority(unit.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    all.push(await unit.ended);
  }
  all.push(await runVitest('beside', folder, filters, 'pipe').ended);
  return all;
}

function runVitest(project: string, folder: string, filters: string[], stdout: 'inherit' | 'pipe') {
  const report = join(folder, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=./test/outcome-reporter.ts'];
  const argv = ['run', '--project', `${project}*`, '--passWithNoTests', ...reporters, ...filters];
  // Tests that look at processes see by it which ones are those of others (test/nat-lab/processes.ts).
  const env = { ...process.env, OVERCALL_LAB_TEST: project, OVERCALL_OUTCOME: report };
  const child = spawn('vitest', argv, { cwd: root, stdio: ['ignore', stdout, 'inherit'], env });
  if (child.pid === undefined) throw new Error('vitest cannot be started');
  running.add(child);
  let printed = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const ended = once(child, 'close').then(([code]): Ended => {
    running.delete(child);
    return { project, report, printed, code };
  });
  return { pid: child.pid, ended };
}

function addOutcome(total: Outcome, { project, report, code }: Ended): void {
  let outcome: Outcome;
  try {
    outcome = JSON.parse(readFileSync(report, 'utf8')) as Outcome;
  } catch (error) {
    total.failed.push(
      `${project}: vitest ended with ${code} and left no report: ${(error as Error).message}`,
    );
    return;
  }
  total.passed += outcome.passed;
  total.failed.push(...outcome.failed);
  total.secondTries.push(...outcome.secondTries);
  total.skipped.push(...outcome.skipped);
  if (code !== 0 && outcome.failed.length === 0)
    total.failed.push(`${project}: vitest ended with ${code}, and no test failed`);
}

function sayList(title: string, lines: string[]): void {
  if (lines.length === 0) return;
  say(`\n${title}:`);
  for (const line of lines) say(`  ${line}`);
}

const filters = process.argv.slice(2);
const total: Outcome = { passed: 0, failed: [], secondTries: [], skipped: [] };
if (filters.length === 0) {
  runStep('types', ['tsc', '-p', 'tsconfig.json'], total);
  runStep('types of the pure packages', ['tsc', '-p', 'tsconfig.pure.json'], total);
  runStep('lint and format', ['biome', 'check', '.'], total);
  runStep('nothing unused', ['knip'], total);
}
await runTests(total, filters);
// With CI set nothing may be skipped.
if (process.env.CI) total.failed.push(...total.skipped.splice(0).map((name) => `${name}: skipped`));
sayList('skipped', total.skipped);
sayList('passed when run once more; the first reason', total.secondTries);
sayList('failed', total.failed);
const skipped = total.skipped.length > 0 ? `, ${total.skipped.length} skipped` : '';
say(`\n${total.passed} passed, ${total.failed.length} failed${skipped}`);
process.exitCode = total.failed.length > 0 ? 1 : 0;
