import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage, type Program } from '@overcall/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SILENT = ['--play', 'null', '--record', 'null'];
const PASSPHRASE = 'correct horse battery';

let folder: string;
let network: Network;
let file: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-identity-'));
  file = join(folder, 'alice.overcall');
  network = await Network.start(openLoopbackStage(), folder);
  await Promise.all(
    ['old', 'bob'].map((home) => run(home, 'register', home === 'old' ? 'alice' : home).exited),
  );
});
afterAll(async () => {
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A home is named after a machine here, not after a user. */
const run = (home: string, ...argv: string[]): Program => network.overcall('alice', home, ...argv);

function withPassphrase(passphrase: string, home: string, ...argv: string[]): Program {
  const program = run(home, ...argv);
  program.type(`${passphrase}\n`);
  return program;
}

const whoami = (home: string) => network.result('alice', home, 'whoami');

describe('an identity that moves to another machine', () => {
  it('is exported under a passphrase, for the owner only, and not over another file', async () => {
    expect(await withPassphrase(PASSPHRASE, 'old', 'export', file).exited).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).not.toContain('alice');
    const again = withPassphrase(PASSPHRASE, 'old', 'export', file);
    expect(await again.exited).toBe(2);
    expect(again.stderr).toMatch(/--force/);
    expect(await withPassphrase('short', 'old', 'export', join(folder, 'other')).exited).toBe(2);
  });

  it('is not imported with another passphrase, from another file, or over an identity that is there', async () => {
    const wrong = withPassphrase('incorrect horse', 'new', 'import', file);
    expect(await wrong.exited).toBe(5);
    expect(wrong.stderr).toMatch(/^overcall: the passphrase is wrong[^\n]*\n$/);
    expect(await withPassphrase(PASSPHRASE, 'new', 'import', join(folder, 'nothing')).exited).toBe(2);
    const over = withPassphrase(PASSPHRASE, 'bob', 'import', file);
    expect(await over.exited).toBe(1);
    expect(over.stderr).toMatch(/another --home/);
    expect((await whoami('bob')).name).toBe('bob');
  });

  it('is the same somebody there, with a device of its own, and the old device can be revoked', async () => {
    expect(await withPassphrase(PASSPHRASE, 'new', 'import', file).exited).toBe(0);
    const [before, after] = await Promise.all(['old', 'new'].map(whoami));
    expect([after!.name, after!.identityKey]).toEqual(['alice', before!.identityKey]);
    expect(after!.device).not.toBe(before!.device);

    const lost = run('old', 'listen', ...SILENT);
    await lost.waitFor('attached');
    const bob = network.overcall('bob', 'bob', 'listen', ...SILENT);
    await bob.waitFor('attached');
    const written = { to: 'bob', text: 'from the other machine' };
    const sending = run('new', 'message', 'bob', written.text);
    expect(await sending.exited).toBe(0);
    expect(sending.events.map(({ event }) => event)).toEqual(['message-delivered', 'message-copied']);
    expect(await lost.waitFor('message-written')).toMatchObject({ ...written, delivered: true });
    const kept = { text: written.text, direction: 'outgoing', state: 'delivered' };
    expect(await network.result('alice', 'old', 'message', 'bob')).toMatchObject(kept);
    await bob.stop();
    expect(await run('new', 'revoke', String(before!.device)).exited).toBe(0);
    // Supernodes look for a new list twice a minute; one that starts has it.
    await network.supernode.stop();
    await network.startSupernode('supernode-2');
    expect(await lost.exited).toBe(5);
    expect(lost.stderr).toMatch(/^overcall: [^\n]*revoked[^\n]*overcall import[^\n]*$/m);
    const refused = run('old', 'listen', ...SILENT);
    expect(await refused.exited).toBe(5);
    expect(refused.stderr).toMatch(/^overcall: [^\n]*revoked[^\n]*\n$/);
    const listening = run('new', 'listen', '--auto-answer', ...SILENT);
    await listening.waitFor('attached');
    expect(await network.overcall('bob', 'bob', 'call', 'alice', ...SILENT, '--duration', '1').exited).toBe(
      0,
    );
  });

  it('names no device that is none', async () => {
    const wrong = run('new', 'revoke', 'phone');
    expect(await wrong.exited).toBe(2);
    expect(wrong.stderr).toMatch(/43 characters/);
  });
});
