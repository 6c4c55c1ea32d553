import { OvercallError } from '@overcall/wire';
import { expect, test } from 'vitest';
import type { RunTool } from './audio-program.ts';
import { AUDIO_PROGRAMS, checkDevice, chooseProgram, runTool, toolRunner } from './program-choice.ts';
import { pulseProgram } from './pulse-program.ts';

const INFO = 'Server Name: pulseaudio\nDefault Sink: out\nDefault Source: out.monitor\n';
/** As `pactl list` prints them. */
const entry = (kind: string, name: string, description: string) =>
  `${kind} #0\n\tState: IDLE\n\tName: ${name}\n\tDescription: ${description}\n\tMute: no\n\tProperties:\n\t\tdevice.description = "x"\n`;
const SOURCES = [
  entry('Source', 'out.monitor', 'Monitor of Out'),
  entry('Source', 'in', 'Kopfhörer (Küche)'),
];

/** A machine with these programs; each prints what is given here. */
function machine(printed: Record<string, string>): RunTool {
  return async (command, args) => printed[[command, ...args].join(' ')] ?? null;
}

const PULSE = {
  'pactl info': INFO,
  'pactl list sources': SOURCES.join('\n'),
  'pactl list sinks': entry('Sink', 'out', 'Out'),
};
const CARDS = 'card 1: PCH [HDA Intel PCH], device 0: ALC257 Analog [ALC257 Analog]\n';
const ALSA = { 'arecord -l': CARDS, 'aplay -l': CARDS };

const codeOf = (promise: Promise<unknown>) => promise.then(() => 'ok').catch((error) => error.code);

test('the first program that finds a sound system is taken, or the one that was named', async () => {
  expect((await chooseProgram('auto', 'mic', machine({ ...PULSE, ...ALSA }))).name).toBe('pulse');
  expect((await chooseProgram('auto', 'mic', machine(ALSA))).name).toBe('alsa');
  expect((await chooseProgram('alsa', 'mic', machine({ ...PULSE, ...ALSA }))).name).toBe('alsa');
});

test('one that was named is tried where it is installed, though nothing is known to be behind it', async () => {
  const installed = machine({ 'arecord --version': 'arecord: version 1.2.8', 'sox --version': 'sox' });
  expect((await chooseProgram('alsa', 'mic', installed)).name).toBe('alsa');
  expect((await chooseProgram('sox', 'mic', installed)).name).toBe('sox');
  expect(await codeOf(chooseProgram('ffmpeg', 'mic', installed))).toBe('audio-device-missing');
  await expect(chooseProgram('ffmpeg', 'mic', installed, 'sing instead')).rejects.toThrow(/; sing instead$/);
});

test('pw-cat is asked for raw samples where it has another form, and its devices and default ones are listed', async () => {
  const node = (name: string, kind: string) => ({
    info: { props: { 'node.name': name, 'media.class': kind, 'node.description': name.toUpperCase() } },
  });
  const run = machine({
    'pw-dump Node': JSON.stringify([
      node('ear', 'Audio/Sink'),
      node('mouth', 'Audio/Source/Virtual'),
      node('x', 'Video/Source'),
    ]),
    'pw-dump Metadata': JSON.stringify([
      { metadata: [{ key: 'clock.rate', value: 48000 }] },
      { metadata: [{ key: 'default.audio.sink', value: { name: 'ear' } }] },
    ]),
  });
  const [early, late] = AUDIO_PROGRAMS.filter(({ name }) => name === 'pipewire').reverse();
  expect(late!.capture(null).args).toContain('--raw');
  expect(early!.capture(null).args).not.toContain('--raw');
  expect((await early!.list(run)).map(({ kind, name, isDefault }) => [kind, name, isDefault])).toEqual([
    ['speaker', 'ear', true],
    ['mic', 'mouth', false],
  ]);
  expect(await codeOf(checkDevice(early!, 'speaker', 'nowhere', run))).toBe('audio-device-missing');
  expect(await codeOf(checkDevice(early!, 'mic', null, run))).toBe('audio-device-missing');
  expect(await early!.list(machine({}))).toEqual([]);
});

test('without any the message says what would bring one, and what works without', async () => {
  const nothing = chooseProgram('auto', 'mic', machine({ 'arecord -l': 'no cards' }));
  await expect(nothing).rejects.toThrow(/pulseaudio-utils.*pipewire-bin.*alsa-utils.*--play x.wav/);
  expect(await codeOf(chooseProgram('pulse', 'speaker', machine({})))).toBe('audio-device-missing');
  await expect(chooseProgram('pulse', 'speaker', machine({}))).rejects.toThrow(/pacat.*pulseaudio-utils/);
  expect(await codeOf(chooseProgram('coreaudio', 'mic', machine(PULSE)))).toBe('audio-program-unknown');
});

test('devices are listed', async () => {
  const devices = await pulseProgram.list(machine(PULSE));
  expect(devices.map(({ kind, name, isDefault, isMonitor }) => [kind, name, isDefault, isMonitor])).toEqual([
    ['mic', 'out.monitor', true, true],
    ['mic', 'in', false, false],
    ['speaker', 'out', true, false],
  ]);
  expect(devices.map(({ description }) => description)).toEqual([
    'Monitor of Out',
    'Kopfhörer (Küche)',
    'Out',
  ]);
  const alsa = AUDIO_PROGRAMS.find(({ name }) => name === 'alsa')!;
  expect((await alsa.list(machine(ALSA)))[0]).toMatchObject({
    name: 'plughw:1,0',
    description: 'HDA Intel PCH, ALC257 Analog',
  });
});

test('what a speaker plays is no microphone, unless it is named; an unknown device is none', async () => {
  const run = machine(PULSE);
  expect(await codeOf(checkDevice(pulseProgram, 'mic', null, run))).toBe('audio-device-missing');
  expect(await codeOf(checkDevice(pulseProgram, 'mic', 'out.monitor', run))).toBe('ok');
  expect(await codeOf(checkDevice(pulseProgram, 'mic', 'in', run))).toBe('ok');
  expect(await codeOf(checkDevice(pulseProgram, 'speaker', null, run))).toBe('ok');
  expect(await codeOf(checkDevice(pulseProgram, 'speaker', 'nowhere', run))).toBe('audio-device-missing');
});

test('every program is asked for 48 kHz mono 16-bit and a latency, on the device that was named', () => {
  for (const program of AUDIO_PROGRAMS)
    for (const { command, args, env } of [program.capture('dev'), program.playback('dev')]) {
      const line = [command, ...args].join(' ');
      expect(line).toMatch(/48000/);
      expect(line).toMatch(/s16|S16_LE|-b 16/);
      expect(line).toMatch(/latency|buffer/);
      expect(`${line} ${env?.AUDIODEV}`).toContain('dev');
    }
});

test('pacat tells how far it is', () => {
  const read = (line: string) => pulseProgram.readReport!(line);
  expect(read('Time: 1.004 sec; Latency: 16899 usec.        ')).toEqual({ playedMs: 1004 });
  expect(read('Stream started.')).toBeNull();
});

test('a sound system that does not answer is passed over, and named where there is no other', async () => {
  const silent = new OvercallError('audio-device-missing', 'the sound server does not answer');
  const hanging =
    (printed: Record<string, string>): RunTool =>
    async (command, args) => {
      if (command === 'pactl') throw silent;
      return machine(printed)(command, args);
    };
  expect((await chooseProgram('auto', 'mic', hanging(ALSA))).name).toBe('alsa');
  await expect(chooseProgram('auto', 'mic', hanging({}))).rejects.toBe(silent);
  await expect(chooseProgram('pulse', 'mic', hanging({}))).rejects.toBe(silent);
});

test('a program that never ends, and would end well if it were asked to, has not answered', async () => {
  const endsWell = ['-c', 'trap "echo all is well; exit 0" TERM; sleep 1 & wait; sleep 1; sleep 1'];
  await expect(toolRunner(100)('sh', endsWell)).rejects.toThrow(/does not answer: sh was ended after 0.1 s/);
  expect(await runTool('sh', ['-c', 'echo yes'])).toBe('yes\n');
  expect(await runTool('sh', ['-c', 'exit 1'])).toBeNull();
});
