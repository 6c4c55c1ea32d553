import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPrograms, Program, programFile, sharedCode } from '@overcall/harness';
import { readRecording } from '@overcall/media';
import { ALIKE_THRESHOLD, speechSimilarity } from '@overcall/quality';
import { type RunningDirectory, startDirectory } from 'overcall-directory';
import { type Supernode, type SupernodeOptions, startSupernode } from 'overcall-supernode';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const SPEECH = join(ROOT, 'test', 'recordings', 'alice.wav');

let folder: string;
let directory: RunningDirectory;
let supernode: Supernode;
let programs: Program[];
beforeAll(buildPrograms);
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-hostile-'));
  programs = [];
  directory = await startDirectory({ listen: '127.0.0.1:0', dataDir: join(folder, 'directory') });
});
afterEach(async () => {
  await Promise.all(programs.map((program) => program.stop()));
  await supernode?.close();
  await directory?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function startHostile(taps: NonNullable<SupernodeOptions['taps']>): Promise<void> {
  supernode = await startSupernode({
    directory: directory.url,
    listen: ['127.0.0.1:0'],
    publicAddresses: ['127.0.0.1'],
    allowNets: ['127.0.0.0/8'],
    dataDirectory: join(folder, 'supernode'),
    name: 'mallory',
    taps,
  });
  await supernode.whenReady();
  for (const user of ['alice', 'bob']) await overcall(user, 'register', user).exited;
}

function overcall(user: string, ...argv: string[]): Program {
  const bind = argv[0] === 'register' ? [] : ['--bind', '127.0.0.1'];
  const common = ['--home', join(folder, user), '--directory', directory.url, '--json'];
  const program = new Program(
    user,
    [process.execPath, programFile('softphone'), ...argv, ...bind, ...common],
    { env: sharedCode() },
  );
  programs.push(program);
  return program;
}

/** The same pseudo-random numbers in every run (mulberry32), so that a failure can be looked at again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Alters 5 % of what it relays, repeats, holds back and reorders, replays old packets and adds its own. */
function meddlingRelay(): NonNullable<NonNullable<SupernodeOptions['taps']>['forward']> {
  const random = seeded(20261122);
  const old: Uint8Array[] = [];
  const heldByPort = new Map<number, Uint8Array>();
  return (original, { port }) => {
    const datagram = original.slice();
    old.push(datagram);
    const held = heldByPort.get(port);
    const deed = random();
    if (deed < 0.05) return [flipBit(datagram, random())];
    if (deed < 0.1) return [datagram, datagram];
    if (deed < 0.15) return [datagram, old[Math.floor(random() * old.length)]!];
    if (deed < 0.2) return [datagram, invented(datagram)];
    if (deed < 0.25 && held === undefined) {
      heldByPort.set(port, datagram);
      return [];
    }
    heldByPort.delete(port);
    return held === undefined ? [datagram] : [datagram, held];
  };
}

function flipBit(datagram: Uint8Array, where: number): Uint8Array {
  const altered = datagram.slice();
  altered[5 + Math.floor(where * (altered.length - 5))]! ^= 0x10;
  return altered;
}

/** The right type and flow id, and everything else of its own making. */
function invented(datagram: Uint8Array): Uint8Array {
  return new Uint8Array([...datagram.subarray(0, 5), ...randomBytes(datagram.length - 5)]);
}

const totalsOf = (program: Program) => program.find('ended')!.totals as Record<string, number>;
const peakOf = (samples: Int16Array) => samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);

describe('a supernode that alters, replays, reorders, duplicates and injects', () => {
  it('media: costs some packets; what is heard is what was said, and silence stays silence', async () => {
    await startHostile({ forward: meddlingRelay() });
    const heard = { alice: join(folder, 'alice-heard.wav'), bob: join(folder, 'bob-heard.wav') };
    const bob = overcall('bob', 'listen', '--auto-answer', '--once', '--play', 'null', '--record', heard.bob);
    await bob.waitFor('attached');
    const alice = overcall(
      'alice',
      'call',
      'bob',
      '--play',
      SPEECH,
      '--record',
      heard.alice,
      '--path',
      'relay',
      '--hangup-at-end',
    );
    expect(await alice.exited).toBe(0);
    expect(await bob.exited).toBe(0);
    const { forgedPackets, duplicatePackets, lostPackets, receivedPackets } = totalsOf(bob);
    expect(forgedPackets).toBeGreaterThan(20);
    expect(duplicatePackets).toBeGreaterThan(20);
    expect(lostPackets! / (lostPackets! + receivedPackets!)).toBeLessThan(0.1);
    const { similarity } = speechSimilarity(await readRecording(SPEECH), await readRecording(heard.bob));
    expect(similarity).toBeGreaterThan(ALIKE_THRESHOLD);
    expect(peakOf(await readRecording(heard.alice))).toBeLessThan(100);
  });

  it('signalling: repeated, altered, swapped and late signals neither ring twice nor break the call', async () => {
    const random = seeded(7);
    const old: Parameters<NonNullable<NonNullable<SupernodeOptions['taps']>['signal']>>[0][] = [];
    await startHostile({
      signal: (message) => {
        old.push(message);
        const altered = Buffer.from(message.body, 'base64url');
        altered[Math.floor(random() * altered.length)]! ^= 1;
        const forged = { ...message, body: altered.toString('base64url') };
        const elsewhere = { ...message, callId: randomBytes(16).toString('base64url') };
        return [forged, elsewhere, ...old, message];
      },
    });
    const bob = overcall('bob', 'listen', '--auto-answer', '--once', '--play', 'tone', '--record', 'null');
    await bob.waitFor('attached');
    const alice = overcall('alice', 'call', 'bob', '--play', 'tone', '--record', 'null', '--duration', '2');
    expect(await alice.exited).toBe(0);
    expect(await bob.exited).toBe(0);
    expect(bob.events.filter(({ event }) => event === 'incoming')).toHaveLength(1);
    expect(alice.events.filter(({ event }) => event === 'answered')).toHaveLength(1);
    expect([alice, bob].map((program) => program.find('ended')!.reason)).toEqual(['hangup', 'remote-hangup']);
  });

  it('an accept that is swallowed, and all signals after it: audio says that the call was answered', async () => {
    let swallows = false;
    await startHostile({ signal: (message) => (swallows ? [] : [message]) });
    const bob = overcall('bob', 'listen', '--once', '--path', 'relay', '--play', 'tone', '--record', 'null');
    await bob.waitFor('attached');
    const alice = overcall('alice', 'call', 'bob', '--path', 'relay', '--play', 'tone', '--record', 'null');
    await Promise.all([alice.waitFor('ringing'), bob.waitFor('incoming')]);
    // Both are bound, and have heard of each other there.
    const within = { timeout: 20_000, interval: 20 };
    await expect.poll(() => supernode.status().calls, within).toBe(1);
    const { forwardedDatagrams } = supernode.status();
    await expect
      .poll(() => supernode.status().forwardedDatagrams, within)
      .toBeGreaterThan(forwardedDatagrams + 3);
    swallows = true;
    bob.type('a');
    await Promise.all([alice.waitFor('answered'), bob.waitFor('answered')]);
    await Promise.all([alice.waitFor('first-audio'), bob.waitFor('first-audio')]);
    alice.signal('SIGINT');
    expect((await bob.waitFor('ended')).reason).toBe('remote-hangup');
    expect(await alice.exited).toBe(130);
  });

  it('an invite kept from one day and sent again on another rings nobody', async () => {
    const kept: Parameters<NonNullable<NonNullable<SupernodeOptions['taps']>['signal']>>[0][] = [];
    let replaying = false;
    await startHostile({
      signal: (message) => {
        if (!replaying) kept.push(message);
        // Everything that once went to bob, in front of what goes to him now.
        return replaying ? [...kept, message] : [message];
      },
    });
    const first = overcall('bob', 'listen', '--once', '--play', 'null', '--record', 'null');
    await first.waitFor('attached');
    const alice = overcall('alice', 'call', 'bob', '--play', 'null', '--record', 'null');
    await alice.waitFor('ringing');
    expect(await alice.stop()).toBe(130);
    await first.exited;
    replaying = true;
    const second = overcall('bob', 'listen', '--once', '--play', 'null', '--record', 'null');
    await second.waitFor('attached');
    // Any signal gives the supernode the occasion: a call by alice that she gives up while it rings.
    const again = overcall('alice', 'call', 'bob', '--play', 'null', '--record', 'null');
    await again.waitFor('ringing');
    expect(await again.stop()).toBe(130);
    await second.exited;
    expect(second.events.filter(({ event }) => event === 'incoming')).toHaveLength(1);
    expect(second.find('incoming')!.callId).toBe(again.find('calling')!.callId);
  });
});
