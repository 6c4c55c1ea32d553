import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttachGate } from './attach-gate.ts';

const LIMITS = { checks: { perSecond: 20, burst: 10 }, maxWaitMs: 3000 };

describe('the gate', () => {
  it('lets a burst in at once, queues the next, sends the others away with turns of their own', () => {
    const gate = new AttachGate(LIMITS, 0);
    const answers = Array.from({ length: 100 }, (_, connection) => gate.handleAttach(connection, 0));
    expect(answers.filter((answer) => answer === 'now')).toHaveLength(10);
    expect(answers.filter((answer) => answer === 'waits')).toHaveLength(60);
    const hints = answers.flatMap((answer) => (typeof answer === 'object' ? [answer.retryAfterMs] : []));
    expect(hints).toHaveLength(30);
    expect(hints[0]).toBeGreaterThanOrEqual(3000);
    expect(new Set(hints).size).toBe(30);
    expect(gate.shed).toBe(30);
  });

  it('takes nobody longer than it says, in the order in which they came', () => {
    const gate = new AttachGate(LIMITS, 0);
    for (let connection = 0; connection < 70; connection++) gate.handleAttach(connection, 0);
    const served: number[] = [];
    while (gate.deadline !== null) {
      const nowMs = gate.deadline;
      expect(nowMs).toBeLessThanOrEqual(LIMITS.maxWaitMs + 50);
      served.push(...gate.due(nowMs));
    }
    expect(served).toEqual(Array.from({ length: 60 }, (_, index) => index + 10));
  });

  it('forgets who has gone while waiting', () => {
    const gate = new AttachGate(LIMITS, 0);
    for (let connection = 0; connection < 12; connection++) gate.handleAttach(connection, 0);
    gate.handleDisconnect(10);
    expect(gate.due(60)).toEqual([11]);
    expect(gate.deadline).toBeNull();
  });

  it('never lets more in than rate and burst, whenever they come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 300 }), (gapsMs) => {
        const gate = new AttachGate(LIMITS, 0);
        const passedAtMs: number[] = [];
        let nowMs = 0;
        gapsMs.forEach((gapMs, connection) => {
          nowMs += gapMs;
          for (const _ of gate.due(nowMs)) passedAtMs.push(nowMs);
          if (gate.handleAttach(connection, nowMs) === 'now') passedAtMs.push(nowMs);
          expect(gate.waiting).toBeLessThanOrEqual(60);
        });
        passedAtMs.forEach((startMs) => {
          const inSecond = passedAtMs.filter((atMs) => atMs >= startMs && atMs < startMs + 1000).length;
          expect(inSecond).toBeLessThanOrEqual(31);
        });
      }),
    );
  });

  it('says no turn later than half a minute', () => {
    const gate = new AttachGate(LIMITS, 0);
    for (let connection = 0; connection < 5000; connection++) {
      const answer = gate.handleAttach(connection, 0);
      if (typeof answer === 'object') expect(answer.retryAfterMs).toBeLessThanOrEqual(30_000);
    }
  });
});
