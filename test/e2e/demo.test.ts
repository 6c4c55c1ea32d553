import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkLab } from '@overcall/nat-lab';
import { expect, it } from 'vitest';

/** Without the bootstrap, which would install packages under the feet of the running tests. */
const ROOT = join(import.meta.dirname, '..', '..');
const lab = await checkLab();

it.each([
  'best',
  'loopback',
])('npm run demo (%s stage) is heard both ways and ends with one line of JSON', (stage) => {
  const recordings = mkdtempSync(join(tmpdir(), 'overcall-demo-test-'));
  const args = ['--json', '--recordings', recordings, ...(stage === 'loopback' ? ['--loopback'] : [])];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'apps/demo/src/main.ts'), ...args],
    {
      encoding: 'utf8',
    },
  );
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
