import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isOfNobody } from './traces.ts';

const TRACES = fileURLToPath(new URL('traces.ts', import.meta.url));
/** As a run of tests: makes a file, starts a program that starts another one, each of which nobody ends, and goes on. */
const RUN = `
  import { spawn } from 'node:child_process';
  import { mkdtempSync, writeFileSync } from 'node:fs';
  import { tmpdir } from 'node:os';
  import { removeTracesAtExit } from ${JSON.stringify(TRACES)};
  removeTracesAtExit();
  process.on('SIGTERM', () => process.exit(143));
  mkdtempSync(tmpdir() + '/made-by-a-test-');
  const child = spawn('sh', ['-c', 'sleep 300 & echo $! $$; wait'], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  child.stdout.once('data', (pids) => process.stdout.write(process.env.TMPDIR + ' ' + pids));
  setInterval(() => {}, 1000);
`;

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'traces-'));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

async function startRun() {
  const argv = ['--input-type=module-typescript', '-e', RUN];
  const env = { ...process.env, TMPDIR: parent };
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout!, 'data')) as [Buffer];
  const [folder, ...pids] = String(said).trim().split(' ');
  return { child, folder: folder!, pids: pids.map(Number) };
}

const isRunning = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

test('a run of tests that is told to end takes with it all that it made and started', async () => {
  const { child, folder, pids } = await startRun();
  expect(readdirSync(folder)).toEqual([expect.stringMatching(/^made-by-a-test-/)]);
  expect(pids.map(isRunning)).toEqual([true, true]);
  child.kill('SIGTERM');
  await once(child, 'exit');
  await expect.poll(() => pids.map(isRunning), { timeout: 20_000 }).toEqual([false, false]);
  expect(existsSync(folder)).toBe(false);
});

test('what a run that was killed has left goes with the next one', async () => {
  const killed = await startRun();
  killed.child.kill('SIGKILL');
  await once(killed.child, 'exit');
  expect(existsSync(killed.folder)).toBe(true);
  const next = await startRun();
  expect(existsSync(killed.folder)).toBe(false);
  await expect.poll(() => killed.pids.map(isRunning), { timeout: 20_000 }).toEqual([false, false]);
  next.child.kill('SIGTERM');
  await once(next.child, 'exit');
});

test('nothing else in the folder of temporary files is touched', () => {
  for (const name of [
    'oc-test-',
    'oc-test-x',
    'oc-test-0',
    'oc-test--1',
    `oc-test-${process.pid}`,
    '1',
    'other',
  ])
    expect(isOfNobody(name), name).toBe(false);
});
