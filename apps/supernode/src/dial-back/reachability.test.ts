import type { SupernodeEntry } from '@overcall/identity';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ToldReport } from './candidate.ts';
import { Reachability } from './reachability.ts';

/** No jitter: checks are just these times apart. */
const MIDDLE = 0.5;
const UDP = '192.0.2.1:443';
const entry = { udp: [UDP], control: [] } as unknown as SupernodeEntry;
const report = (outcome: 'reached' | 'unreached'): ToldReport => ({
  from: 'other',
  report: '',
  results: [{ transport: 'udp', address: UDP, outcome }],
});

/** What the others say next, one answer after another; the last one again and again. */
let answers: ToldReport[][];
let listed: SupernodeEntry[];
let asked: readonly SupernodeEntry[];
let chance: number;
let reachability: Reachability;
beforeEach(() => {
  vi.useFakeTimers();
  listed = [entry];
  chance = MIDDLE;
  reachability = new Reachability({
    candidate: {
      entry,
      ask: async (others: SupernodeEntry[]) => {
        asked = others;
        return answers.length > 1 ? answers.shift()! : answers[0]!;
      },
    } as never,
    others: () => listed,
    onChange: () => {},
    random: () => chance,
    log: pino({ level: 'silent' }),
  });
});
afterEach(() => {
  reachability.close();
  vi.useRealTimers();
});

async function begin(...told: ToldReport[][]): Promise<void> {
  answers = told;
  reachability.start();
  await vi.advanceTimersByTimeAsync(0);
}

it('takes silence for no sign that what was unreached is reached', async () => {
  await begin([report('unreached')], [], [report('reached')]);
  expect(reachability.current.state).toBe('unreached');
  await vi.advanceTimersByTimeAsync(3000);
  expect(answers).toHaveLength(1);
  expect(reachability.current.state).toBe('unreached');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reachability.current.state).toBe('reached');
});

it('soon asks again who was silent', async () => {
  await begin([], [report('unreached')]);
  expect(reachability.current.state).toBe('alone');
  await vi.advanceTimersByTimeAsync(2999);
  expect(reachability.current.state).toBe('alone');
  await vi.advanceTimersByTimeAsync(1);
  expect(reachability.current.state).toBe('unreached');
});

it.each([
  [0, 2250],
  [0.99, 3735],
])('asks a quarter earlier or later, by chance (%d)', async (atRandom, afterMs) => {
  chance = atRandom;
  await begin([], [report('reached')]);
  await vi.advanceTimersByTimeAsync(afterMs - 1);
  expect(reachability.current.state).toBe('alone');
  await vi.advanceTimersByTimeAsync(1);
  expect(reachability.current.state).toBe('reached');
});

it('asks four of the others, by chance', async () => {
  listed = Array.from({ length: 10 }, (_, i) => ({ ...entry, name: `s${i}` }));
  await begin([]);
  expect(asked.map(({ name }) => name)).toEqual(['s5', 's4', 's6', 's3']);
});
