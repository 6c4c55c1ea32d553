import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage } from '@overcall/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let folder: string;
let network: Network;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-e2e-'));
  // It has room for nobody's sound.
  network = await Network.start(openLoopbackStage(), folder, { supernodeArgs: ['--max-calls', '0'] });
  await Promise.all(['alice', 'bob'].map((user) => network.register('alice', user)));
});
afterAll(async () => {
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

const SILENT = ['--play', 'null', '--record', 'null'];

/** alice calls bob, who answers at once; neither is to be heard directly. */
async function call(...options: string[]) {
  const hidden = [...SILENT, '--path', 'relay'];
  const bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', '--once', ...hidden);
  await bob.waitFor('attached');
  const alice = network.overcall('alice', 'alice', 'call', 'bob', ...hidden, ...options);
  return { alice, bob };
}

describe('--path relay where no relay can be had', () => {
  it.each([
    ['when it is hung up', ['--duration', '2.5'], ['hangup', 'remote-hangup']],
    // By one of the two, who is first.
    ['when it is given up', [], ['failed', 'remote-hangup']],
  ])('ends with no-path and 3 on both sides, %s', async (_, options, reasons) => {
    const { alice, bob } = await call(...options);
    for (const program of [alice, bob]) expect(reasons).toContain((await program.waitFor('ended')).reason);
    expect([await alice.exited, await bob.exited]).toEqual([3, 3]);
    for (const [program, peer] of [
      [alice, 'bob'],
      [bob, 'alice'],
    ] as const) {
      expect(program.find('answered')).toBeDefined();
      expect(program.find('refused')).toMatchObject({ name: peer, code: 'no-path' });
    }
    expect(alice.stderr).toMatch(/^overcall: nothing came from bob: no path for sound was found; [^\n]*\n$/m);
  });
});
