import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * `npm test`: types, lint, unit and end-to-end tests. Every step runs, so that one look shows everything. Arguments
 * go to vitest: `npm test -- packages/call` runs that folder only.
 */
const root = dirname(dirname(fileURLToPath(import.meta.url)));

interface Counts {
  passed: number;
  failed: number;
  /** That vitest found. */
  tests: number;
  skipped: string[];
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Runs a tool whose success counts as one test. */
function runStep(name: string, command: string[], counts: Counts): void {
  say(`\n== ${name}`);
  const { status } = spawnSync(command[0]!, command.slice(1), { cwd: root, stdio: 'inherit' });
  if (status === 0) counts.passed++;
  else counts.failed++;
}

interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  testResults: { name: string; status: string; assertionResults: { status: string; fullName: string }[] }[];
}

/** How a run of vitest has ended. */
interface Ended {
  report: string;
  printed: string;
  code: number | null;
}

/**
 * Scenarios wait for most of their time. Unit tests run beside them and take what processor time is left over: their
 * priority is lower. After them come the tests of the lab itself. What these print comes at the end.
 */
async function runTests(counts: Counts, filters: string[]): Promise<void> {
  say('\n== tests');
  const folder = mkdtempSync(join(tmpdir(), 'overcall-test-'));
  try {
    const beside = runBeside(folder, filters);
    const scenarios = runVitest('scenarios', folder, filters, 'inherit');
    const last = await scenarios.ended;
    for (const { report, printed, code } of [...(await beside), last]) {
      say(printed);
      addReport(counts, readReport(report), code);
    }
    if (counts.tests === 0) throw new Error(`there are no tests like ${filters.join(' ')}`);
  } catch (error) {
    say((error as Error).message);
    counts.failed++;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runBeside(folder: string, filters: string[]): Promise<Ended[]> {
  const unit = runVitest('unit', folder, filters, 'pipe');
  setPriority(unit.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  const first = await unit.ended;
  return [first, await runVitest('lab', folder, filters, 'pipe').ended];
}

function runVitest(project: string, folder: string, filters: string[], stdout: 'inherit' | 'pipe') {
  const report = join(folder, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const argv = ['run', '--project', project, '--passWithNoTests', ...reporters, ...filters];
  // Tests that look at processes see by it which ones are those of others (test/nat-lab/processes.ts).
  const env = { ...process.env, OVERCALL_LAB_TEST: project };
  const child = spawn('vitest', argv, { cwd: root, stdio: ['ignore', stdout, 'inherit'], env });
  if (child.pid === undefined) throw new Error('vitest cannot be started');
  let printed = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const ended = once(child, 'close').then(([code]): Ended => ({ report, printed, code }));
  return { pid: child.pid, ended };
}

function readReport(file: string): VitestReport {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  } catch (error) {
    throw new Error(`vitest left no report: ${(error as Error).message}`);
  }
}

function addReport(counts: Counts, report: VitestReport, code: number | null): void {
  counts.passed += report.numPassedTests;
  counts.failed += report.numFailedTests;
  for (const file of report.testResults) {
    counts.tests += file.assertionResults.length;
    for (const { status, fullName } of file.assertionResults) {
      if (status !== 'passed' && status !== 'failed') counts.skipped.push(fullName);
    }
  }
  // A file that does not load, or a rejection that nobody handles, fails the run without failing a test. The report calls the
  // second a success.
  if (code !== 0 && report.numFailedTests === 0) counts.failed++;
}

const filters = process.argv.slice(2);
const counts: Counts = { passed: 0, failed: 0, tests: 0, skipped: [] };
if (filters.length === 0) {
  runStep('types', ['tsc', '-p', 'tsconfig.json'], counts);
  runStep('types of the pure packages', ['tsc', '-p', 'tsconfig.pure.json'], counts);
  runStep('lint and format', ['biome', 'check', '.'], counts);
}
await runTests(counts, filters);
if (counts.skipped.length > 0) {
  say('\nskipped:');
  for (const name of counts.skipped) say(`  ${name}`);
  if (process.env.CI) {
    say('with CI set nothing may be skipped');
    counts.failed += counts.skipped.length;
    counts.skipped = [];
  }
}
const skipped = counts.skipped.length > 0 ? `, ${counts.skipped.length} skipped` : '';
say(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed > 0 ? 1 : 0;
