/**
 * How soon a call has its sound back when a sound device, or the sound server, does: `node bench/voice/devices-return.ts [--tries 20]
 * [--only microphone] [--program pulse|pipewire]`. A real call on loopback between two softphones on a sound server of its own, a tone into
 * alice's microphone, listened to at bob's speaker. Beside it, in the same run, how long `parec` and `pacat` (`pw-cat`) by themselves take
 * when they are started the moment a device of their own is back. Put what it prints into DEVICES.md beside it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Network, openLoopbackStage, type Program } from '@overcall/harness';
import { FRAME_SAMPLES, levelOf } from '@overcall/media';
import { percentile } from '../percentile.ts';
import { soundGround } from './sound-grounds.ts';

const { values } = parseArgs({
  options: {
    tries: { type: 'string', default: '20' },
    only: { type: 'string' },
    program: { type: 'string', default: 'pulse' },
  },
});
const tries = Number(values.tries);

/** Away for so long, ms: what was pulled by mistake, and what was missed for a while, within these bounds. */
const SHORT_MS = 500;
const LONG_MS = [2000, 4000] as const;
/** Whoever has no sound by then has none, ms. */
const PATIENCE_MS = 15_000;
const SETTLE_MS = 1000;
/** A microphone is not put back before so long nothing was heard of it, ms. */
const QUIET_MS = 100;
const LOUD_DB = -40;
const TONE = Int16Array.from({ length: FRAME_SAMPLES * 50 }, (_, i) => 8000 * Math.sin((i * Math.PI) / 48));

const DEVICES = ['alice-mic', 'alice-ear', 'bob-mic', 'bob-ear', 'plain-mic', 'plain-ear'];
// Not in bob's: the same tone from alice's speaker would be her echo, and her own cancelled with it.
const ground = soundGround(values.program, DEVICES, ['alice-mic', 'plain-mic']);

/** Listens to a device: when it heard something loud last, and first since it was told to forget. */
class Ear {
  readonly #child: ChildProcess;
  #firstAtMs: number | null = null;
  lastAtMs = Number.NEGATIVE_INFINITY;

  constructor(device: string) {
    const [command, ...args] = ground.record(device);
    this.#child = spawn(command!, args);
    this.#child.stdout!.on('data', (bytes: Buffer) => {
      const samples = new Int16Array(new Uint8Array(bytes).buffer, 0, bytes.length >> 1);
      if ((levelOf(samples).rmsDb ?? -100) <= LOUD_DB) return;
      this.lastAtMs = performance.now();
      this.#firstAtMs ??= this.lastAtMs;
    });
  }

  forget(): void {
    this.#firstAtMs = null;
  }

  async hear(): Promise<number> {
    const giveUpAt = performance.now() + PATIENCE_MS;
    while (this.#firstAtMs === null) {
      if (performance.now() > giveUpAt) throw new Error('nothing is heard');
      await sleep(5);
    }
    return this.#firstAtMs;
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}

interface Returned {
  readyMs: number | null;
  heardMs: number;
  delayMs?: number;
}

/** When the n-th `ready` of a device is told. */
function nextReady(side: Program, device: string): Promise<number> {
  const isReady = (event: Record<string, unknown>) => event.device === device && event.state === 'ready';
  const before = side.events.filter(isReady).length;
  return side
    .waitFor('audio-device', {
      where: () => side.events.filter(isReady).length > before,
      patienceMs: PATIENCE_MS,
    })
    .then(() => performance.now());
}

async function comeBack(
  sides: [Program, string][],
  outageMs: number,
  go: () => unknown,
  back: () => unknown,
): Promise<Returned> {
  const readies = Promise.all(sides.map(([side, device]) => nextReady(side, device)));
  readies.catch(() => {});
  await go();
  await sleep(outageMs);
  await back();
  const backAtMs = performance.now();
  const ear = new Ear('bob-ear');
  const heardMs = (await ear.hear()) - backAtMs;
  const readyMs = Math.max(...(await readies)) - backAtMs;
  ear.close();
  return { readyMs, heardMs };
}

/** As above; and how long what was said before is heard after the microphone was pulled: from mouth to ear. */
async function microphoneBack(alice: Program, outageMs: number): Promise<Returned> {
  const ready = nextReady(alice, 'mic');
  ready.catch(() => {});
  const ear = new Ear('bob-ear');
  await ear.hear();
  const goneAtMs = performance.now();
  ground.unplug('alice-mic');
  await sleep(outageMs);
  while (performance.now() < ear.lastAtMs + QUIET_MS) await sleep(5);
  const delayMs = ear.lastAtMs - goneAtMs;
  ear.forget();
  await ground.plug('alice-mic');
  const backAtMs = performance.now();
  const heardMs = (await ear.hear()) - backAtMs;
  const readyMs = (await ready) - backAtMs;
  ear.close();
  return { readyMs, heardMs, delayMs };
}

async function plainMicrophone(): Promise<Returned> {
  ground.unplug('plain-mic');
  await sleep(SHORT_MS);
  await ground.plug('plain-mic');
  const backAtMs = performance.now();
  const ear = new Ear('plain-mic');
  const heardMs = (await ear.hear()) - backAtMs;
  ear.close();
  return { readyMs: null, heardMs };
}

async function plainSpeaker(): Promise<Returned> {
  ground.unplug('plain-ear');
  await sleep(SHORT_MS);
  await ground.plug('plain-ear');
  const backAtMs = performance.now();
  const ear = new Ear('plain-ear');
  const [command, ...args] = ground.play('plain-ear');
  const player = spawn(command!, args);
  player.stdin.on('error', () => {});
  player.stdin.write(Buffer.from(TONE.buffer));
  const heardMs = (await ear.hear()) - backAtMs;
  player.kill('SIGKILL');
  ear.close();
  return { readyMs: null, heardMs };
}

const folder = mkdtempSync(join(tmpdir(), 'overcall-devices-return-'));
Object.assign(process.env, ground.env);
await ground.start();
const network = await Network.start(openLoopbackStage(), folder);
try {
  await Promise.all(['alice', 'bob'].map((user) => network.register(user, user)));
  // A tone is noise.
  const devicesOf = (user: string) => [
    ...[
      '--play',
      `mic:${ground.sourceOf(`${user}-mic`)}`,
      '--record',
      `speaker:${user}-ear`,
      '--no-noise-suppression',
    ],
    ...['--audio-program', ground.program],
  ];
  const bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', '--once', ...devicesOf('bob'));
  await bob.waitFor('attached');
  const alice = network.overcall('alice', 'alice', 'call', 'bob', ...devicesOf('alice'));
  await Promise.all([alice, bob].map((side) => side.waitFor('first-audio')));
  const ear = new Ear('bob-ear');
  await ear.hear();
  ear.close();

  const speakerBack = (outageMs: number) =>
    comeBack(
      [[bob, 'speaker']],
      outageMs,
      () => ground.unplug('bob-ear'),
      () => ground.plug('bob-ear'),
    );
  const everything: [Program, string][] = [alice, bob].flatMap((side) =>
    ['mic', 'speaker'].map((kind): [Program, string] => [side, kind]),
  );
  const [short, long] = ['0.5 s', '2 to 4 s'];
  const cases: { what: string; away: string; once(outageMs: number): Promise<Returned> }[] = [
    short!,
    long!,
  ].flatMap((away) => [
    { what: 'microphone', away, once: (outageMs: number) => microphoneBack(alice, outageMs) },
    { what: 'speaker', away, once: speakerBack },
    {
      what: 'server',
      away,
      once: (outageMs: number) =>
        comeBack(
          everything,
          outageMs,
          () => ground.stop(),
          () => ground.start(),
        ),
    },
  ]);
  cases.push(
    { what: 'microphone, program alone', away: short!, once: plainMicrophone },
    { what: 'speaker, program alone', away: short!, once: plainSpeaker },
  );
  const found = new Map<(typeof cases)[number], Returned[]>();
  for (let i = 0; i < tries; i++)
    for (const each of cases) {
      if (values.only !== undefined && each.what !== values.only) continue;
      await sleep(SETTLE_MS);
      // Evenly spread, whatever the number of tries.
      const share = (i * 0.618034) % 1;
      const outageMs = each.away === short ? SHORT_MS : LONG_MS[0] + share * (LONG_MS[1] - LONG_MS[0]);
      found.set(each, [...(found.get(each) ?? []), await each.once(outageMs)]);
    }
  alice.type('b');
  await Promise.all([alice.exited, bob.exited]);

  const shares = (all: (number | null)[]) => {
    const some = all.filter((ms) => ms !== null);
    return some.length === 0
      ? ''
      : [0.5, 0.95, 1].map((share) => percentile(some, share).toFixed(0)).join(' / ');
  };
  process.stdout.write(
    [
      `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}`,
      '',
      'p50 / p95 / longest, ms:',
      '',
      '| what returns | away for | tries | `ready` after | sound in the far ear after | of it from mouth to ear |',
      '|---|---|---|---|---|---|',
      ...[...found].map(
        ([{ what, away }, all]) =>
          `| ${what} | ${away} | ${all.length} | ${shares(all.map(({ readyMs }) => readyMs))} | ${shares(all.map(({ heardMs }) => heardMs))} | ${shares(all.map(({ delayMs = null }) => delayMs))} |`,
      ),
      '',
    ].join('\n'),
  );
} finally {
  await network.close();
  await ground.close();
  rmSync(folder, { recursive: true, force: true });
}
