import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@overcall/cli';
import { OvercallError } from '@overcall/wire';
import type { Supernode } from 'overcall-supernode';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Profile } from '../profile.ts';
import type { SoftphoneEvent } from '../softphone-options.ts';
import type { ServedOptions } from './served-supernode.ts';
import { Volunteer } from './volunteer.ts';

let folder: string;
let events: SoftphoneEvent[];
let asked: string[];
let drained: PromiseWithResolvers<void>;
const softphone = {
  isCalm: true,
  attachedTo: ['other'],
  avoid: (id: string) => void asked.push(`avoid ${id.length}`),
};
beforeEach(() => {
  vi.useFakeTimers();
  folder = mkdtempSync(join(tmpdir(), 'overcall-serve-'));
  [events, asked, drained] = [[], [], Promise.withResolvers<void>()];
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

/** A supernode that only writes down what it is asked. */
const served = {
  id: 'own',
  status: () => ({
    name: 'v',
    publicUdp: [],
    publicControl: [],
    calls: 3,
    attached: 2,
    monthBytes: 0,
    maxMonthBytes: null,
    reach: 'reached',
  }),
  drain: () => void asked.push('drain'),
  whenDrained: () => drained.promise,
  depart: async () => void asked.push('depart'),
  close: async () => void asked.push('close'),
} as unknown as Supernode;

function volunteer(start: (options: ServedOptions) => Promise<Supernode>): Volunteer {
  return new Volunteer({
    home: { dataDir: folder },
    profile: {} as Profile,
    log: createLogger('test', 'silent'),
    serve: {
      serve: true,
      serveAddress: ['192.0.2.1'],
      ...{ serveListen: '', serveMaxCalls: 1, serveMaxMbps: 1, serveMaxGbMonth: 1, serveAfter: 0 },
      powerSupplies: folder,
    },
    insecureHttp: false,
    allowNets: [],
    softphone,
    report: (event) => events.push(event),
    start,
    cpu: () => 0,
  });
}

const states = () => events.filter(({ state }) => state !== 'waiting').map(({ state }) => state);

it('is a supernode after a second, holds it back during own calls, and at the end drains it before it departs', async () => {
  let isHeldBack = () => false;
  const started = volunteer(async (options) => {
    isHeldBack = options.isHeldBack;
    return served;
  });
  await started.start();
  await vi.advanceTimersByTimeAsync(3000);
  expect(states()).toEqual(['testing', 'serving']);
  expect(isHeldBack()).toBe(false);
  softphone.isCalm = false;
  expect(isHeldBack()).toBe(true);
  softphone.isCalm = true;
  const closed = started.close();
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked).toEqual(['avoid 43', 'drain']);
  drained.resolve();
  await closed;
  expect(asked).toEqual(['avoid 43', 'drain', 'depart', 'close']);
  expect(events.at(-1)).toMatchObject({ event: 'serve', state: 'demoted', reason: 'asked', callsLeft: 3 });
});

it('tells why it was refused, and ends at once when nothing runs', async () => {
  const started = volunteer(async () => {
    throw new OvercallError('not-reachable', 'open the port');
  });
  await started.start();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(events.filter(({ state }) => state === 'refused')).toEqual([
    { event: 'serve', state: 'refused', code: 'not-reachable', message: 'open the port', remedy: null },
  ]);
  await started.close();
});

it('does not begin again, nor for the first time, while the volume of this month is used up', async () => {
  vi.setSystemTime(new Date('2026-11-30T23:59:30Z'));
  mkdirSync(join(folder, 'serve'));
  writeFileSync(join(folder, 'serve', 'volume.json'), '{"month":"2026-11","bytes":1000000000}');
  const started = volunteer(async () => served);
  await started.start();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(events).toEqual([
    { event: 'serve', state: 'waiting', reason: 'the volume of the month is used up' },
  ]);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(states()).toEqual(['testing', 'serving']);
  const closed = started.close();
  drained.resolve();
  await closed;
});
