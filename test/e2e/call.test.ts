import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage, type Program } from '@overcall/harness';
import { readRecording } from '@overcall/media';
import { ALIKE_THRESHOLD, speechSimilarity } from '@overcall/quality';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingIn, undocumentedIn } from '../docs/documented-events.ts';

const RECORDINGS = join(import.meta.dirname, '..', 'recordings');

let folder: string;
let network: Network;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-e2e-'));
  network = await Network.start(openLoopbackStage(), folder);
  await Promise.all(['alice', 'bob', 'carol'].map((user) => network.register('alice', user)));
});
afterAll(async () => {
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

function listen(user: string, ...args: string[]): Promise<Program> {
  return attached(network.overcall('bob', user, 'listen', '--play', 'tone:300', '--record', 'null', ...args));
}

async function attached(program: Program): Promise<Program> {
  await program.waitFor('attached');
  return program;
}

function call(from: string, to: string, ...args: string[]): Program {
  return network.overcall('alice', from, 'call', to, '--play', 'tone', '--record', 'null', ...args);
}

/** What people read in the end: the reason, on both sides. */
const reasonOf = async (program: Program) => (await program.waitFor('ended')).reason;

describe('a call between two softphones', () => {
  it('plays a recording into it, is heard at the other end, and says how it went', async () => {
    const heard = join(folder, 'heard.wav');
    const source = join(RECORDINGS, 'alice.wav');
    const bob = await attached(
      network.overcall(
        'bob',
        'bob',
        'listen',
        '--auto-answer',
        '--once',
        '--play',
        'null',
        '--record',
        heard,
      ),
    );
    const alice = network.overcall(
      'alice',
      'alice',
      'call',
      'bob',
      '--play',
      source,
      '--record',
      'null',
      '--hangup-at-end',
    );
    const ended = await alice.waitFor('ended', { patienceMs: 40_000 });
    expect(await alice.exited).toBe(0);
    expect(await bob.exited).toBe(0);
    expect(alice.events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['attached', 'calling', 'answered', 'first-audio', 'path', 'stats', 'ended']),
    );
    expect(alice.events.findLast(({ event }) => event === 'path')).toMatchObject({
      kind: 'direct',
      transport: 'udp',
      via: [],
      local: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      remote: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
    expect(ended).toMatchObject({ reason: 'hangup', totals: { timeToDirectMs: expect.any(Number) } });
    expect((await bob.waitFor('ended')).reason).toBe('remote-hangup');
    const totals = ended.totals as Record<string, number>;
    expect(totals.receivedPackets).toBeGreaterThan(500);
    expect(totals.mos).toBeGreaterThan(3.5);
    const { similarity, offsetMs } = speechSimilarity(
      await readRecording(source),
      await readRecording(heard),
    );
    expect(similarity).toBeGreaterThan(ALIKE_THRESHOLD);
    // On one clock, what was heard was spoken before: by a frame and what Opus looks ahead, at least.
    const [spokenFrom, heardFrom] = [
      alice.find('sound-clock')!.spokenFrom,
      bob.find('sound-clock')!.heardFrom,
    ];
    const mouthToEarMs = Number(heardFrom) + offsetMs - Number(spokenFrom);
    expect(mouthToEarMs).toBeGreaterThan(20);
    expect(mouthToEarMs).toBeLessThan(2000);
  });

  it('rings until it is accepted by hand, and is hung up by the callee', async () => {
    const bob = await listen('bob', '--once');
    const alice = call('alice', 'bob');
    await bob.waitFor('incoming');
    await alice.waitFor('ringing');
    expect(alice.find('answered')).toBeUndefined();
    bob.type('a');
    await alice.waitFor('first-audio');
    bob.type('b');
    expect(await reasonOf(alice)).toBe('remote-hangup');
    expect(await alice.exited).toBe(0);
    expect(await bob.exited).toBe(0);
  });

  it('is declined: exit 4 and one line', async () => {
    const bob = await listen('bob', '--once');
    const alice = call('alice', 'bob');
    await bob.waitFor('incoming');
    bob.type('d');
    expect(await alice.exited).toBe(4);
    expect(alice.stderr).toBe('overcall: bob declined; write a message, or try again later\n');
    await bob.exited;
  });

  it('finds the callee busy: exit 4, and the talk goes on', async () => {
    const bob = await listen('bob', '--auto-answer');
    const alice = call('alice', 'bob');
    await alice.waitFor('answered');
    const carol = call('carol', 'bob');
    expect(await carol.exited).toBe(4);
    expect(carol.stderr).toBe('overcall: bob is busy; try again later\n');
    expect(alice.find('ended')).toBeUndefined();
    await alice.stop();
    await bob.stop();
  });

  it('is cancelled by Ctrl-C while it rings: exit 130, and the callee stops ringing', async () => {
    const bob = await listen('bob', '--once');
    const alice = call('alice', 'bob');
    await alice.waitFor('ringing');
    alice.signal('SIGINT');
    expect(await alice.exited).toBe(130);
    expect(await reasonOf(alice)).toBe('hangup');
    expect(await reasonOf(bob)).toBe('remote-hangup');
    await bob.exited;
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('is ended properly by %s during the talk', async (signal) => {
    const bob = await listen('bob', '--auto-answer', '--once');
    const alice = call('alice', 'bob');
    await alice.waitFor('first-audio');
    bob.signal(signal);
    expect(await bob.exited).toBe(130);
    expect(await reasonOf(bob)).toBe('hangup');
    expect(await reasonOf(alice)).toBe('remote-hangup');
    expect(await alice.exited).toBe(0);
  });

  it('fails within 10 s when the peer vanishes without a word', async () => {
    const bob = await listen('bob', '--auto-answer');
    const alice = call('alice', 'bob');
    await alice.waitFor('first-audio');
    bob.signal('SIGKILL');
    const killedAt = Date.now();
    const ended = await alice.waitFor('ended');
    expect(ended.reason).toBe('failed');
    expect(Number(ended.at) - killedAt).toBeLessThan(10_000);
    expect(await alice.exited).toBe(1);
  });

  it('ends after --duration', async () => {
    const bob = await listen('bob', '--auto-answer', '--once');
    const alice = call('alice', 'bob', '--duration', '1.5');
    const ended = await alice.waitFor('ended');
    expect(ended.durationS).toBeGreaterThan(1.4);
    expect(await alice.exited).toBe(0);
    await bob.exited;
  });

  it.each([
    ['--path', 'relay'],
    ['--expose-address', 'never'],
  ])('stays with the supernode for %s %s of either side', async (...hiding) => {
    for (const side of ['alice', 'bob']) {
      const bob = await listen('bob', '--auto-answer', '--once', ...(side === 'bob' ? hiding : []));
      const alice = call('alice', 'bob', '--duration', '1.5', ...(side === 'alice' ? hiding : []));
      expect(await alice.exited).toBe(0);
      await bob.exited;
      for (const program of [alice, bob]) {
        const kinds = program.events.filter(({ event }) => event === 'path').map(({ kind }) => kind);
        expect(kinds).toEqual(['relay']);
      }
    }
  });

  it('becomes one call when both call each other at once', async () => {
    const [alice, bob] = [call('alice', 'bob'), call('bob', 'alice')];
    await Promise.all([alice.waitFor('first-audio'), bob.waitFor('first-audio')]);
    const answered = [alice, bob].map((program) => program.find('answered')!.callId);
    expect(answered[0]).toBe(answered[1]);
    expect([alice, bob].filter((program) => program.find('merged'))).toHaveLength(1);
    alice.signal('SIGINT');
    await Promise.all([alice.exited, bob.exited]);
    expect(await reasonOf(bob)).toBe('remote-hangup');
  });
});

describe('--require-direct and --path direct', () => {
  it('end with 6 where only a relay can carry the call, however short it is', async () => {
    for (const required of [
      ['--require-direct', '--duration', '1'],
      ['--path', 'direct', '--duration', '1'],
    ]) {
      const bob = await listen('bob', '--auto-answer', '--once', '--path', 'relay');
      const alice = call('alice', 'bob', ...required);
      expect(await alice.exited).toBe(6);
      expect(alice.stderr).toMatch(/^overcall: no direct path to bob was found[^\n]*\n$/);
      await bob.exited;
    }
  });

  it('end with 0 where there is a direct path', async () => {
    const bob = await listen('bob', '--auto-answer', '--once');
    const alice = call('alice', 'bob', '--require-direct', '--path', 'direct', '--duration', '1');
    expect(await alice.exited).toBe(0);
    expect(alice.events.filter(({ event }) => event === 'path').map(({ kind }) => kind)).toEqual(['direct']);
    await bob.exited;
  });
});

describe('a program whose output nobody reads any more', () => {
  it('ends its call properly', async () => {
    const bob = await listen('bob', '--auto-answer', '--once');
    const alice = call('alice', 'bob');
    await alice.waitFor('first-audio');
    alice.closeOutput();
    expect(await alice.exited).toBe(130);
    expect(await reasonOf(bob)).toBe('remote-hangup');
    expect(alice.stderr).toBe('');
  });
});

describe('the other side killed while it rings', () => {
  it('stops the ringing, and leaves the phone free', async () => {
    const bob = await listen('bob');
    const alice = call('alice', 'bob');
    await alice.waitFor('ringing');
    await bob.waitFor('incoming');
    alice.signal('SIGKILL');
    expect(await reasonOf(bob)).toBe('failed');
    const again = call('alice', 'bob');
    await again.waitFor('ringing');
    bob.signal('SIGKILL');
    expect(await again.exited).toBe(3);
  });
});

describe('verify and lookup', () => {
  it('show the same safety number on both sides, and a key of the directory for somebody not attached', async () => {
    const [a, b] = await Promise.all([
      network.result('alice', 'alice', 'verify', 'bob'),
      network.result('bob', 'bob', 'verify', 'alice'),
    ]);
    expect(a).toMatchObject({ event: 'safety-number', verified: true });
    expect(a.safetyNumber).toMatch(/^(\d{5} ){11}\d{5}$/);
    expect(a.safetyNumber).toBe(b.safetyNumber);
    const user = await network.result('alice', 'alice', 'lookup', 'carol');
    expect(user).toMatchObject({ event: 'user', name: 'carol', attached: false });
  });

  it('refuse a number that differs: exit 5', async () => {
    const program = network.overcall('alice', 'alice', 'verify', 'carol', '--number', '1'.repeat(60));
    expect(await program.exited).toBe(5);
    expect(program.stderr).toMatch(/^overcall: that is not the safety number shared with carol/);
  });
});

describe('what all of them printed', () => {
  const OF_CALLS = ['attached', 'calling', 'ringing', 'incoming', 'answered', 'first-audio', 'sound-clock'];

  it('has the fields that docs/events.md names, and no others', () => {
    const events = network.programs.flatMap((program) => program.events);
    expect(undocumentedIn(events)).toEqual([]);
    expect(
      missingIn(events, [...OF_CALLS, 'path', 'stats', 'merged', 'missed', 'user', 'registered']),
    ).toEqual([]);
  });
});
