import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeviceLife, type DeviceLifeOptions } from './device-life.ts';
import type { DeviceTrouble } from './device-trouble.ts';

const MICROPHONE: DeviceLifeOptions = { isWatched: true, readyAfterMs: null };
const SILENT_PLAYER: DeviceLifeOptions = { isWatched: false, readyAfterMs: 150 };

/** What a program does when it is started: gives its first sign, goes on giving them, ends. Null: never. */
interface Run {
  signAfterMs: number | null;
  /** Its last sign, counted from the start; none ends with the program. */
  silentAfterMs?: number;
  endsAfterMs: number | null;
  trouble?: DeviceTrouble;
}

/** A device in virtual time. What is told is kept with its time: `100 start`. */
class World {
  nowMs = 0;
  readonly told: string[] = [];
  readonly life: DeviceLife;
  readonly #next: (startedAtMs: number) => Run;
  #run: (Run & { startedAtMs: number }) | null = null;

  constructor(options: DeviceLifeOptions, next: (startedAtMs: number) => Run) {
    this.#next = next;
    this.life = new DeviceLife(options, 0);
    this.#carryOut();
  }

  #carryOut(): void {
    for (const order of this.life.poll()) {
      if (order.type === 'lost')
        this.told.push(`${this.nowMs} ${order.isNews ? '' : 'still '}${order.trouble}`);
      else this.told.push(`${this.nowMs} ${order.type === 'end' ? order.signal : order.type}`);
      if (order.type === 'start') {
        expect(this.#run).toBeNull();
        this.#run = { ...this.#next(this.nowMs), startedAtMs: this.nowMs };
      }
      if (order.type === 'end' && this.#run !== null)
        this.#run.endsAfterMs = this.nowMs + 1 - this.#run.startedAtMs;
    }
  }

  /** In steps of a millisecond; signs come every 10. */
  until(endMs: number): this {
    for (; this.nowMs < endMs; this.nowMs++) {
      const run = this.#run;
      if (run !== null) {
        const ageMs = this.nowMs - run.startedAtMs;
        const isHeard =
          run.signAfterMs !== null && ageMs >= run.signAfterMs && ageMs <= (run.silentAfterMs ?? ageMs);
        if (isHeard && (ageMs - run.signAfterMs!) % 10 === 0) this.life.handleSign(this.nowMs);
        if (run.endsAfterMs !== null && ageMs >= run.endsAfterMs) {
          this.#run = null;
          this.life.handleEnded(run.trouble ?? 'ended', this.nowMs);
        }
      }
      if (this.nowMs >= this.life.deadline) this.life.handleTimeout(this.nowMs);
      this.#carryOut();
    }
    return this;
  }
}

const starts = ({ told }: World) =>
  told.filter((line) => line.endsWith(' start')).map((line) => Number.parseInt(line, 10));

describe('a device that does not work', () => {
  test.each<DeviceTrouble>([
    'device-unknown',
    'device-busy',
    'rate-unsuited',
    'server-gone',
    'program-missing',
  ])('%s: is tried after 100, 200 and then every 300 ms, and told of once', (trouble) => {
    const world = new World(MICROPHONE, () => ({ signAfterMs: null, endsAfterMs: 1, trouble })).until(1500);
    expect(starts(world)).toEqual([0, 101, 302, 603, 904, 1205]);
    const told = world.told.filter((line) => !line.endsWith(' start'));
    expect(told.slice(0, 2)).toEqual([`1 ${trouble}`, `102 still ${trouble}`]);
    expect(told.filter((line) => !line.includes('still'))).toHaveLength(1);
  });

  test('whenever it comes back, sound is there within half a second, and that is told', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20_000 }),
        fc.integer({ min: 0, max: 60 }),
        (backAtMs, failsAfterMs) => {
          const world = new World(MICROPHONE, (atMs) =>
            atMs < backAtMs
              ? { signAfterMs: null, endsAfterMs: failsAfterMs }
              : { signAfterMs: 100, endsAfterMs: null },
          ).until(backAtMs + 500);
          expect(world.told.at(-1)).toMatch(/ ready$/);
        },
      ),
      { numRuns: 50 },
    );
  });
});

test('one that vanishes from a call of a minute is tried at once, and lost and ready are told again', () => {
  const world = new World(MICROPHONE, (atMs) =>
    atMs === 0
      ? { signAfterMs: 30, endsAfterMs: 60_000, trouble: 'server-gone' }
      : { signAfterMs: 30, endsAfterMs: null },
  ).until(61_000);
  expect(world.told).toEqual(['0 start', '30 ready', '60000 server-gone', '60100 start', '60130 ready']);
});

describe('one that runs and delivers nothing', () => {
  test('is ended after 1.5 s, and is called stalled whatever it said', () => {
    const world = new World(MICROPHONE, (atMs) => ({
      signAfterMs: 20,
      ...(atMs === 0 ? { silentAfterMs: 5020 } : {}),
      endsAfterMs: null,
      trouble: 'device-busy',
    })).until(7000);
    expect(world.told).toEqual([
      ...['0 start', '20 ready', '6520 SIGKILL', '6521 stalled', '6621 start', '6641 ready'],
    ]);
  });

  test('gets 4 s to begin with', () => {
    const slow = new World(MICROPHONE, () => ({ signAfterMs: 3900, endsAfterMs: null })).until(10_000);
    expect(slow.told).toEqual(['0 start', '3900 ready']);
    const dead = new World(MICROPHONE, () => ({ signAfterMs: null, endsAfterMs: null })).until(4050);
    expect(dead.told).toEqual(['0 start', '4000 SIGKILL', '4001 stalled']);
  });

  test('is not suspected where nothing shows that it lives: then 150 ms of running are enough', () => {
    const world = new World(SILENT_PLAYER, () => ({ signAfterMs: null, endsAfterMs: null })).until(60_000);
    expect(world.told).toEqual(['0 start', '150 ready']);
  });
});

test('whoever watches it and has slept gives it time to be heard', () => {
  const life = new DeviceLife(MICROPHONE, 0);
  life.handleSign(10);
  life.handleTimeout(9000);
  expect(life.poll().map(({ type }) => type)).toEqual(['start', 'ready']);
  life.handleSign(9001);
  expect(life.deadline).toBe(9001 + 1500);
  life.handleTimeout(20_000);
  life.handleTimeout(life.deadline);
  expect(life.poll()).toEqual([{ type: 'end', signal: 'SIGKILL' }]);
});

test('one that was put on another device is ended once, and tried again', () => {
  const life = new DeviceLife(MICROPHONE, 0);
  life.handleSign(10);
  life.handleGone();
  life.handleGone();
  life.handleSign(20);
  life.handleEnded('ended', 21);
  expect(life.poll().slice(2)).toEqual([
    { type: 'end', signal: 'SIGKILL' },
    { type: 'lost', trouble: 'device-gone', isNews: true },
  ]);
  life.handleGone();
  expect([life.poll(), life.deadline]).toEqual([[], 121]);
});

describe('closing', () => {
  test('asks the program to end, ends it after half a second, and is over when it is gone', () => {
    const life = new DeviceLife(MICROPHONE, 0);
    life.poll();
    life.close(10);
    expect(life.poll()).toEqual([{ type: 'end', signal: 'SIGTERM' }]);
    life.handleTimeout(509);
    expect(life.poll()).toEqual([]);
    life.handleTimeout(510);
    expect(life.poll()).toEqual([{ type: 'end', signal: 'SIGKILL' }]);
    expect([life.isOver, life.deadline]).toEqual([false, 1010]);
    life.handleEnded('ended', 512);
    expect([life.isOver, life.poll()]).toEqual([true, []]);
  });

  test('waits for none that hangs in the kernel and cannot be killed', () => {
    const life = new DeviceLife(MICROPHONE, 0);
    life.close(10);
    for (let asked = 0; !life.isOver && asked < 5; asked++) life.handleTimeout(life.deadline);
    expect([life.isOver, life.deadline]).toEqual([true, Number.POSITIVE_INFINITY]);
    expect(life.poll().map((order) => order.type === 'end' && order.signal)).toEqual([
      false,
      'SIGTERM',
      'SIGKILL',
    ]);
    life.handleEnded('ended', 99_000);
    expect(life.poll()).toEqual([]);
  });

  test('is over at once while none runs', () => {
    const life = new DeviceLife(MICROPHONE, 0);
    life.handleEnded('device-busy', 1);
    life.close(2);
    expect([life.isOver, life.deadline]).toEqual([true, Number.POSITIVE_INFINITY]);
  });
});

test('whatever happens, in whatever order: at most one program runs, and nothing after the end', () => {
  const step = fc.record({
    verb: fc.constantFrom('sign', 'ended', 'timeout', 'wait', 'close'),
    ms: fc.integer({ min: 0, max: 5000 }),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.constantFrom(MICROPHONE, SILENT_PLAYER),
      (steps, options) => {
        let nowMs = 0;
        let isRunning = false;
        let isReady = false;
        const life = new DeviceLife(options, 0);
        for (const { verb, ms } of [{ verb: 'wait', ms: 0 }, ...steps]) {
          const wasOver = life.isOver;
          nowMs += ms;
          if (verb === 'sign') life.handleSign(nowMs);
          if (verb === 'ended' && isRunning) {
            isRunning = false;
            life.handleEnded('ended', nowMs);
          }
          if (verb === 'timeout') life.handleTimeout(nowMs);
          if (verb === 'close') life.close(nowMs);
          for (const order of life.poll()) {
            expect(wasOver).toBe(false);
            if (order.type === 'start') expect(isRunning).toBe(false);
            if (order.type === 'ready') expect([isRunning, isReady]).toEqual([true, false]);
            if (order.type === 'start') isRunning = true;
            if (order.type === 'ready') isReady = true;
            if (order.type === 'lost') isReady = false;
          }
          // A program that is told to end, or one that is not watched and works, is waited for; nothing else waits for ever.
          if (!life.isOver && !isRunning) expect(life.deadline).toBeLessThanOrEqual(nowMs + 300);
        }
      },
    ),
  );
});
