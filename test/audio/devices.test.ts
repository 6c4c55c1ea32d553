import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Network, openLoopbackStage, type Program, type ProgramEvent } from '@overcall/harness';
import { levelOf, readRecording } from '@overcall/media';
import { ALIKE_THRESHOLD, speechSimilarity } from '@overcall/quality';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HAS_PULSE, PulseServer } from './pulse-server.ts';

const RECORDINGS = join(import.meta.dirname, '..', 'recordings');
const SUFFIX = HAS_PULSE ? '' : ' (skipped: needs the packages pulseaudio and pulseaudio-utils)';

/** Three seconds of a recording are several words. */
const SPOKEN_SAMPLES = 3 * 48_000;

/** Sound programs that get no turn on a busy machine lose words; so often in a row they do not. */
const TRIES = 10;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Two people, each with a null sink for an ear, and one whose monitor is the microphone; bob's run at another rate, and her microphone at a third. */
describe.skipIf(!HAS_PULSE)(`sound devices of a PulseAudio server without a sound card${SUFFIX}`, () => {
  const pulse = new PulseServer(['alice-ear:48000', 'alice-mic:16000', 'bob-ear:44100', 'bob-mic:44100']);
  const folder = mkdtempSync(join(tmpdir(), 'overcall-audio-'));
  let network: Network;
  let spoken: Int16Array;

  beforeAll(async () => {
    await pulse.start();
    process.env.PULSE_SERVER = pulse.env.PULSE_SERVER;
    network = await Network.start(openLoopbackStage(), folder);
    await Promise.all(['alice', 'bob'].map((user) => network.register(user, user)));
    spoken = (await readRecording(join(RECORDINGS, 'alice.wav'))).subarray(0, SPOKEN_SAMPLES);
  });
  afterAll(async () => {
    await network?.close();
    await pulse.close();
    delete process.env.PULSE_SERVER;
    rmSync(folder, { recursive: true, force: true });
  });

  const devicesOf = (user: string) => [
    '--play',
    `mic:${user}-mic.monitor`,
    '--record',
    `speaker:${user}-ear`,
  ];

  it('are listed, and what a speaker plays is no microphone by default', async () => {
    const devices = network.overcall('alice', 'alice', 'audio', 'devices');
    expect(await devices.exited).toBe(0);
    const names = devices.events.map(({ kind, name, isMonitor }) => `${kind} ${name} ${isMonitor}`);
    expect(names).toContain('mic bob-mic.monitor true');
    expect(names).toContain('speaker bob-ear false');

    const [nobody, wrong] = [
      network.overcall('alice', 'alice', 'call', 'bob'),
      network.overcall('alice', 'alice', 'call', 'bob', '--play', 'null', '--record', 'speaker:nowhere'),
    ];
    expect(await Promise.all([nobody.exited, wrong.exited])).toEqual([1, 1]);
    expect(nobody.stderr).toContain('no microphone');
    expect(wrong.stderr).toContain('no speaker is called nowhere');
  });

  it('are tested: a sweep comes back, and the level is told', async () => {
    const test = network.overcall(
      'alice',
      'alice',
      ...['audio', 'test', '--seconds', '3', '--mic', 'alice-ear.monitor', '--speaker', 'alice-ear'],
    );
    await test.waitFor('recording');
    await pulse.play('alice-ear', spoken.subarray(0, 96_000));
    expect(await test.exited).toBe(0);
    expect(test.find('round-trip')!.roundTripMs).toBeGreaterThan(20);
    expect(test.find('round-trip')!.roundTripMs).toBeLessThan(1000);
    expect(test.find('level')!.rmsDb).toBeGreaterThan(-50);
  });

  it('carry a call: words come through, not while muted, and again after the server or a device was gone', async () => {
    const ring = ['--ring', 'speaker:bob-mic'];
    const bob = network.overcall('bob', 'bob', 'listen', '--once', ...ring, ...devicesOf('bob'));
    await bob.waitFor('attached');
    const alice = network.overcall('alice', 'alice', 'call', 'bob', ...devicesOf('alice'));
    await hears('bob-mic');
    await hears('alice-ear');
    bob.type('a');
    await Promise.all([alice, bob].map((side) => side.waitFor('first-audio')));
    await allReady(alice, bob);

    await expectWords('alice-mic', 'bob-ear');

    alice.type('m');
    await bob.waitFor('mute', { where: ({ by, on }) => by === 'peer' && on === true });
    expect(levelOf(await say('alice-mic', 'bob-ear')).rmsDb ?? -100).toBeLessThan(-60);
    alice.type('m');
    alice.type('12#');
    await bob.waitFor('key', { where: ({ key }) => key === '#' });

    await pulse.stop();
    await Promise.all([alice, bob].map((side) => side.waitFor('audio-device', lost('server-gone'))));
    // Long enough for it to be tried in vain some times.
    await sleep(1500);
    await pulse.start();
    await allReady(alice, bob, 2);

    for (const device of ['bob-mic', 'alice-ear']) pulse.unplug(device);
    await Promise.all([alice, bob].map((side) => side.waitFor('audio-device', lost('device-gone'))));
    await sleep(500);
    for (const device of ['bob-mic', 'alice-ear']) pulse.plug(device);
    await Promise.all([ready(bob, 'mic', 3), ready(alice, 'speaker', 3)]);

    await expectWords('bob-mic', 'alice-ear');
    alice.type('b');
    expect(await Promise.all([alice.exited, bob.exited])).toEqual([0, 0]);
    // Each loss was told once, however often it was tried again.
    for (const side of [alice, bob])
      for (const device of ['mic', 'speaker']) {
        const events = side.events.filter((event) => event.device === device);
        const states = events
          .map(({ state }) => state)
          .filter((state) => state === 'ready' || state === 'lost');
        expect(states).toEqual(states.map((_, i) => (i % 2 === 0 ? 'ready' : 'lost')));
      }
  });

  const lost = (why: string) => ({
    where: ({ state, reason }: ProgramEvent) => state === 'lost' && reason === why,
  });

  /** Something comes out of a speaker: a ring tone, say, which has pauses. */
  async function hears(speaker: string): Promise<void> {
    const listen = async () => {
      const stop = pulse.record(speaker);
      await sleep(1500);
      return levelOf(await stop()).rmsDb ?? -100;
    };
    await expect.poll(listen, { timeout: 30_000 }).toBeGreaterThan(-45);
  }

  /** A device has begun to work, for the n-th time. */
  const ready = (side: Program, device: string, times: number) =>
    side.waitFor('audio-device', {
      where: () =>
        side.events.filter((event) => event.state === 'ready' && event.device === device).length >= times,
    });

  /** Every device of both has. */
  async function allReady(alice: Program, bob: Program, times = 1): Promise<void> {
    for (const side of [alice, bob])
      for (const device of ['mic', 'speaker']) await ready(side, device, times);
  }

  /** What is said into one's microphone is what the other's speaker plays, word for word. */
  async function expectWords(mic: string, speaker: string): Promise<void> {
    let best = 0;
    for (let tries = 0; tries < TRIES && best < ALIKE_THRESHOLD; tries++)
      best = Math.max(best, speechSimilarity(spoken, await say(mic, speaker)).similarity);
    expect(best).toBeGreaterThan(ALIKE_THRESHOLD);
  }

  /** Plays the recording into a microphone; what the speaker plays meanwhile. */
  async function say(mic: string, speaker: string): Promise<Int16Array> {
    const stop = pulse.record(speaker);
    await sleep(300);
    await pulse.play(mic, spoken);
    await sleep(800);
    return stop();
  }
});
