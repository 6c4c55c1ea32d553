import { writeBindAck, writeBindChallenge, writeMedia } from '@overcall/wire';
import { describe, expect, it } from 'vitest';
import type { DatagramResult } from './relay-table.ts';
import { StreamSession } from './stream-session.ts';

const ACK: DatagramResult = {
  kind: 'reply',
  datagram: writeBindAck({ flowId: 1, sequence: 1n }, () => new Uint8Array(32)),
};
const CHALLENGE: DatagramResult = {
  kind: 'reply',
  datagram: writeBindChallenge({ flowId: 1, echo: 1n, cookie: new Uint8Array(16) }),
};
const FORWARD: DatagramResult = {
  kind: 'forward',
  to: { address: '203.0.113.1', port: 1, socket: 0 },
  datagram: writeMedia(1, 1, new Uint8Array(40)),
};
const DROP: DatagramResult = { kind: 'drop', reason: 'unknown-flow' };

describe('a connection for datagrams', () => {
  it('is admitted by its first bind, and only by that', () => {
    const session = new StreamSession(0);
    expect(session.handleResult(CHALLENGE, 1)).toBe('keep');
    expect(session.isBound).toBe(false);
    expect(session.handleResult(ACK, 2)).toBe('admit');
    expect(session.handleResult(ACK, 3)).toBe('keep');
  });

  it('ends when nothing is bound in time, whatever is sent on it', () => {
    const session = new StreamSession(0);
    for (let ms = 0; ms < 15_000; ms += 1000) session.handleResult(CHALLENGE, ms);
    expect(session.isExpired(14_999)).toBe(false);
    expect(session.isExpired(15_000)).toBe(true);
  });

  it('ends when it has carried nothing for 30 s', () => {
    const session = new StreamSession(0);
    session.handleResult(ACK, 0);
    session.handleResult(FORWARD, 20_000);
    session.handleResult(DROP, 40_000);
    expect(session.isExpired(49_999)).toBe(false);
    expect(session.isExpired(50_000)).toBe(true);
  });

  it('carries a call for hours', () => {
    const session = new StreamSession(0);
    session.handleResult(ACK, 0);
    for (let ms = 0; ms < 7_200_000; ms += 20) {
      if (!session.take(ms) || session.handleResult(FORWARD, ms) !== 'keep')
        throw new Error(`ended at ${ms}`);
    }
  });

  it('asks the relay table at most 300 times a second, and ends a flood of nonsense', () => {
    const session = new StreamSession(0);
    let asked = 0;
    let sent = 0;
    for (;;) {
      const nowMs = sent++ / 10;
      const taken = session.take(nowMs);
      if (taken) asked++;
      if (session.handleResult(taken ? DROP : null, nowMs) === 'close') break;
    }
    expect(asked).toBeLessThan(330);
    expect(sent).toBeLessThan(700);
  });

  it('ends with a flood of pings, but not with those of a call', () => {
    const session = new StreamSession(0);
    for (let ms = 0; ms < 60_000; ms += 50) expect(session.handleControlFrame(ms)).toBe('keep');
    let more = 0;
    while (session.handleControlFrame(60_000) === 'keep') more++;
    expect(more).toBeLessThan(121);
  });

  it('outlives a flow that ended while its softphone still sends', () => {
    const session = new StreamSession(0);
    session.handleResult(ACK, 0);
    for (let ms = 20; ms < 10_000; ms += 20) expect(session.handleResult(DROP, ms)).toBe('keep');
  });
});
