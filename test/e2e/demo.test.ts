import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkLab } from '@overcall/nat-lab';
import { it } from 'vitest';

/** Without the bootstrap, which would install packages under the feet of the running tests. */
const ROOT = join(import.meta.dirname, '..', '..');
const lab = await checkLab();

/** Runs to its end. */
async function demo(...args: string[]) {
  const said = { stdout: '', stderr: '' };
  const child = spawn(process.execPath, [join(ROOT, 'apps/demo/src/main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  const [status] = await once(child, 'close');
  return { status, ...said };
}

// Both speak for most of their time: side by side.
it.concurrent.for([
  'best',
  'loopback',
])('npm run demo (%s stage) is heard both ways and ends with one line of JSON', async (stage, { expect }) => {
  const recordings = mkdtempSync(join(tmpdir(), 'overcall-demo-test-'));
  const args = ['--json', '--recordings', recordings, ...(stage === 'loopback' ? ['--loopback'] : [])];
  const { status, stdout, stderr } = await demo(...args);
  expect(stderr).toContain('Both sides were heard.');
  expect(status).toBe(0);
  const result = JSON.parse(stdout.trim().split('\n').at(-1)!);
  expect(result).toMatchObject({
    stage: stage === 'best' && lab.possible ? 'lab' : 'loopback',
    heard: true,
    // In the lab nothing passes between the two NATs.
    path: { kind: stage === 'best' && lab.possible ? 'relay' : 'direct', transport: 'udp' },
    safetyNumber: { equal: true },
    aliceToBob: { alike: true },
    bobToAlice: { alike: true },
  });
  for (const { heard } of [result.aliceToBob, result.bobToAlice]) expect(existsSync(heard)).toBe(true);
  rmSync(recordings, { recursive: true, force: true });
});
