import { afterEach, expect, test } from 'vitest';
import type { AudioCommand, AudioProgram } from './audio-program.ts';
import type { DeviceEvent } from './device-events.ts';
import { troubleOf } from './device-trouble.ts';
import { Microphone } from './microphone.ts';
import { pulseProgram } from './pulse-program.ts';
import { Speaker } from './speaker.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((device) => device.close()));
});

/** A sound system whose programs are lines of shell. */
function shell(line: string): AudioProgram {
  const command: AudioCommand = { command: 'sh', args: ['-c', line] };
  const { deviceLine: _, ...program } = pulseProgram;
  return { ...program, capture: () => command, playback: () => command };
}

/** One that says which device it is on. */
const movable = (line: string): AudioProgram => ({ ...shell(line), deviceLine: pulseProgram.deviceLine! });

/** Events as they come, and a wait for the first one that fits. */
function watchEvents() {
  const events: DeviceEvent[] = [];
  let wake = () => {};
  return {
    events,
    onEvent: (event: DeviceEvent) => {
      events.push(event);
      wake();
    },
    async until(count: number): Promise<string[]> {
      while (events.length < count) await new Promise<void>((resolve) => (wake = resolve));
      return events.map(({ state, reason }) => (reason === null ? state : `${state}: ${reason}`));
    },
  };
}

function openMicrophone(program: AudioProgram) {
  const watch = watchEvents();
  const microphone = new Microphone({ program, device: 'headset', onEvent: watch.onEvent });
  open.push(microphone);
  return { microphone, watch };
}

test('a microphone that goes is opened again and again, and told once each time', async () => {
  const { microphone, watch } = openMicrophone(shell('head -c 9600 /dev/zero'));
  expect(await watch.until(4)).toEqual(['ready', 'lost: ended', 'ready', 'lost: ended']);
  expect(microphone.next()).toEqual(new Int16Array(960));
});

test.each([
  ['echo "arecord: main:831: audio open error: Device or resource busy" >&2; exit 1', 'device-busy'],
  ['echo "Stream error: No such entity" >&2; exit 1', 'device-unknown'],
  ['echo "Connection failure: Connection refused" >&2; exit 1', 'server-gone'],
  ['exit 3', 'ended'],
])('why a device does not work is told, once however often it is tried: %s', async (line, reason) => {
  const { watch } = openMicrophone(shell(line));
  expect(await watch.until(1)).toEqual([`lost: ${reason}`]);
  expect(watch.events[0]!.message).toMatch(/headset/);
});

test('what a program said that nobody knows is told as it is, without what a terminal would obey', async () => {
  const { watch } = openMicrophone(shell('printf "\\033[2J no more clocks\\nStream started\\n" >&2; exit 1'));
  await watch.until(1);
  expect(watch.events[0]!.message).toBe('the microphone headset is gone: parec ended ([2J no more clocks)');
});

const connected = 'echo "Connected to device headset (index: 0, suspended: no)." >&2; sleep 0.1';
const moved = 'echo "Stream moved to device webcam (1, not suspended)." >&2';

test('a microphone that is moved to another device is gone; nothing of the other one is heard', async () => {
  // Ones from the headset, and from then on twos.
  const say = (byte: string) => `head -c 9600 /dev/zero | tr '\\0' '\\${byte}'`;
  const line = `${connected}; ${say('001')}; sleep 0.1; ${moved}; sleep 0.1; ${say('002')}; exec sleep 300`;
  const { microphone, watch } = openMicrophone(movable(line));
  expect((await watch.until(2)).slice(0, 2)).toEqual(['ready', 'lost: device-gone']);
  expect([...microphone.next()]).not.toContain(0x0202);
});

test('a speaker that is moved to another device is gone', async () => {
  const watch = watchEvents();
  const line = `echo "Stream successfully created." >&2; ${connected}; ${moved}; exec sleep 300`;
  open.push(new Speaker({ program: movable(line), device: 'headset', onEvent: watch.onEvent }));
  expect((await watch.until(2)).slice(0, 2)).toEqual(['ready', 'lost: device-gone']);
});

/** One that has to be watched for its place: `watch` says it. */
const watched = (line: string, watch: string): AudioProgram => {
  const placeWatch = {
    command: 'sh',
    args: ['-c', watch],
    reader: () => (name: string) => (name === 'nowhere' ? null : name),
  };
  const command = { command: 'sh', args: ['-c', line], placeWatch };
  return { ...shell(line), readyLine: null, capture: () => command, playback: () => command };
};
const zeros = 'while head -c 960 /dev/zero; do sleep 0.01; done';

test('a microphone that is put on another one than was named, because that is not there, is gone', async () => {
  const { watch } = openMicrophone(watched(zeros, 'echo webcam; exec sleep 300'));
  expect(await watch.until(1)).toEqual(['lost: device-gone']);
});

test('a microphone works while it is where it should be, and is gone when it is nowhere', async () => {
  const { watch } = openMicrophone(watched(zeros, 'echo headset; sleep 0.3; echo nowhere; exec sleep 300'));
  expect(await watch.until(2)).toEqual(['ready', 'lost: device-gone']);
});

test('a microphone that nobody watches any more is opened anew', async () => {
  const { watch } = openMicrophone(watched(zeros, 'echo headset; sleep 0.3'));
  expect(await watch.until(3)).toEqual(['ready', 'lost: ended', 'ready']);
});

test('a microphone that cannot be watched works all the same', async () => {
  const program = watched(zeros, '');
  const command = program.capture(null);
  const placeWatch = { ...command.placeWatch!, command: '/no/such/pw-link' };
  const { watch } = openMicrophone({ ...program, capture: () => ({ ...command, placeWatch }) });
  expect(await watch.until(1)).toEqual(['ready']);
});

test('a speaker that is watched works once it is where it should be, and not before', async () => {
  const first = async (watchLine: string) => {
    const { readReport: _, ...program } = watched('exec sleep 300', watchLine);
    const watch = watchEvents();
    open.push(new Speaker({ program, device: 'headset', onEvent: watch.onEvent }));
    return (await watch.until(1))[0];
  };
  expect(await first('sleep 0.4; echo hdmi; exec sleep 300')).toBe('lost: device-gone');
  expect(await first('echo headset; exec sleep 300')).toBe('ready');
});

test('a program that is not there is no crash; the message names the package', async () => {
  const missing = { ...pulseProgram, capture: () => ({ command: '/no/such/parec', args: [] }) };
  const { watch } = openMicrophone(missing);
  expect(await watch.until(1)).toEqual(['lost: program-missing']);
  expect(watch.events[0]!.message).toMatch(/pulseaudio-utils/);
});

test('a speaker whose program closes its pipe is no crash; it is written to again when it is back', async () => {
  const watch = watchEvents();
  const program = shell('echo "Stream successfully created." >&2; exec 0<&-; sleep 0.05');
  const speaker = new Speaker({ program, device: null, onEvent: watch.onEvent });
  open.push(speaker);
  const timer = setInterval(() => speaker.write(new Int16Array(960)), 5);
  expect(await watch.until(4)).toEqual(['ready', 'lost: ended', 'ready', 'lost: ended']);
  clearInterval(timer);
});

test('closing one ends what its program has started, too, and waits for nobody who holds its pipes', async () => {
  const { microphone, watch } = openMicrophone(shell('head -c 9600 /dev/zero; sleep 300 & sleep 300'));
  await watch.until(1);
  await microphone.close();
  expect(watch.events).toHaveLength(1);
});

test('what comes out of a microphone is what its program wrote, little-endian, whatever the sizes of its writes', async () => {
  // 0x0102 in 4,803 bytes that are cut at an odd place, and then in the rest of a second.
  const bytes = 'awk \'BEGIN { for (i = 0; i < 48000; i++) printf "\\002\\001" }\'';
  const { microphone, watch } = openMicrophone(shell(`${bytes} | (head -c 4803; sleep 0.1; cat; sleep 5)`));
  await watch.until(1);
  let frame = microphone.next();
  while (frame[959] !== 0x0102) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    frame = microphone.next();
  }
  expect(new Set(frame.subarray(480))).toEqual(new Set([0x0102]));
});

test('words of all programs are understood', () => {
  expect(troubleOf('ALSA lib pcm.c: Unknown PCM headset')).toBe('device-unknown');
  expect(troubleOf('Stream error: Entity killed')).toBe('device-gone');
  expect(troubleOf('Warning: rate is not accurate (requested = 48000Hz, got = 44100Hz)')).toBe(
    'rate-unsuited',
  );
  expect(troubleOf('Access denied')).toBe('access-denied');
  expect(troubleOf('')).toBe('ended');
});
