import type { SupernodeEntry } from '@overcall/identity';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ToldReport } from './candidate.ts';
import { Reachability } from './reachability.ts';

const UDP = '192.0.2.1:443';
const entry = { udp: [UDP], control: [] } as unknown as SupernodeEntry;
const report = (outcome: 'reached' | 'unreached'): ToldReport => ({
  from: 'other',
  report: '',
  results: [{ transport: 'udp', address: UDP, outcome }],
});

/** What the others say next, one answer after another; the last one again and again. */
let answers: ToldReport[][];
let reachability: Reachability;
beforeEach(() => {
  vi.useFakeTimers();
  reachability = new Reachability({
    candidate: {
      entry,
      ask: async () => (answers.length > 1 ? answers.shift()! : answers[0]!),
    } as never,
    others: () => [entry],
    onChange: () => {},
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
  await vi.advanceTimersByTimeAsync(3750);
  expect(answers).toHaveLength(1);
  expect(reachability.current.state).toBe('unreached');
  await vi.advanceTimersByTimeAsync(12_500);
  expect(reachability.current.state).toBe('reached');
});

it('soon asks again who was silent', async () => {
  await begin([], [report('unreached')]);
  expect(reachability.current.state).toBe('alone');
  await vi.advanceTimersByTimeAsync(3750);
  expect(reachability.current.state).toBe('unreached');
});
