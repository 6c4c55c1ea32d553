import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage, type Program } from '@overcall/harness';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

let folder: string;
let network: Network;
let bob: Program;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-e2e-'));
  network = await Network.start(openLoopbackStage(), folder);
  await Promise.all(['alice', 'bob', 'carol'].map((user) => network.register('alice', user)));
  // Bob knows alice, and nobody else.
  const { safetyNumber } = await network.result('alice', 'alice', 'verify', 'bob', '--show');
  await network.result('bob', 'bob', 'verify', 'alice', '--number', String(safetyNumber));
});
afterAll(async () => {
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => bob?.stop());

const SILENT = ['--play', 'null', '--record', 'null'];

async function listen(...args: string[]): Promise<void> {
  bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', ...SILENT, ...args);
  await bob.waitFor('attached');
}

/** What a ping saw: its exit code, and the kinds of path of its lines; a relay may need a second to be measured. */
async function ping(user: string, ...args: string[]) {
  const program = network.overcall('alice', user, 'ping', 'bob', ...args);
  const code = await program.exited;
  const pings = program.events.filter(({ event }) => event === 'ping');
  const kinds = new Set(pings.flatMap(({ kind }) => kind ?? []));
  return { code, kinds: [...kinds], last: pings.at(-1), stderr: program.stderr };
}

describe('a ping', () => {
  describe('of somebody who shows addresses to contacts', () => {
    beforeEach(() => listen());

    it('finds the direct path for a contact, and ends with it', async () => {
      const { code, kinds, last } = await ping('alice', '--until-direct');
      expect([code, kinds.at(-1)]).toEqual([0, 'direct']);
      expect(last).toMatchObject({ to: 'bob', transport: 'udp', via: [], rttMs: expect.any(Number) });
      expect(last!.remote).toMatch(/^127\.0\.0\.1:\d+$/);
      expectUnnoticed();
    });

    it('stays with the relay for a stranger: exit 6 with --until-direct', async () => {
      const { code, kinds, last, stderr } = await ping('carol', '--until-direct', '-c', '3');
      expect([code, kinds]).toEqual([6, ['relay']]);
      expect(last).toMatchObject({ via: ['supernode'] });
      expect(stderr).toMatch(/^overcall: no direct path to bob was found; overcall doctor [^\n]+\n$/);
      expectUnnoticed();
      // To ping somebody does not make them a contact, who would learn addresses from then on.
      const contacts = join(network.homeOf('carol'), 'contacts.json');
      expect(existsSync(contacts) ? readFileSync(contacts, 'utf8') : '').not.toContain('bob');
    });

    it('shows no address of the one who pings with --path relay', async () => {
      expect(await ping('alice', '-c', '3', '--path', 'relay')).toMatchObject({
        code: 0,
        kinds: ['relay'],
      });
    });

    it('is answered during a call, which goes on', async () => {
      const carol = network.overcall('alice', 'carol', 'call', 'bob', ...SILENT, '--duration', '6');
      await carol.waitFor('answered');
      expect(await ping('alice', '-c', '3')).toMatchObject({ code: 0 });
      expect(await carol.exited).toBe(0);
      expect(carol.find('ended')).toMatchObject({ reason: 'hangup' });
    });
  });

  it('shows nothing to a contact either with --expose-address answered', async () => {
    await listen('--expose-address', 'answered');
    expect(await ping('alice', '-c', '3')).toMatchObject({ code: 0, kinds: ['relay'] });
    expectUnnoticed();
  });

  it('of somebody who is not there ends with 3 and one line', async () => {
    const { code, stderr } = await ping('alice');
    expect([code, stderr]).toEqual([
      3,
      'overcall: bob is not attached, or does not answer; try again when their softphone runs\n',
    ]);
  });
});

/** Bob's softphone printed what it prints at the start, and no more. */
function expectUnnoticed(): void {
  expect(new Set(bob.events.map(({ event }) => event))).toEqual(new Set(['attached']));
}
