import { createHmac } from 'node:crypto';
import { COOKIE_BYTES, readBindChallenge, writeBindRequest, writeMedia } from '@overcall/wire';
import { describe, expect, it } from 'vitest';
import { addressPolicy } from './address-policy.ts';
import type { RelaySource } from './relay-flows.ts';
import { DEFAULT_RELAY_LIMITS, totalBytesRate } from './relay-limits.ts';
import { RelayTable } from './relay-table.ts';

const hmacSha256 = (key: Uint8Array, bytes: Uint8Array) =>
  new Uint8Array(createHmac('sha256', key).update(bytes).digest());
const FRAME_MS = 20;
/** 24 kbit/s of Opus, sealed. */
const SEALED = new Uint8Array(79);

interface End {
  source: RelaySource;
  sendFlow: number;
}

/** A supernode that may relay so much, and calls over it, in virtual time. */
class SmallSupernode {
  nowMs = 0;
  lost = 0;

  readonly calls: [End, End][] = [];
  readonly #table: RelayTable<string>;
  #opened = 0;

  constructor(maxMbps: number) {
    this.#table = new RelayTable<string>({
      limits: { ...DEFAULT_RELAY_LIMITS, totalBytes: totalBytesRate(maxMbps) },
      crypto: { hmacSha256, randomBytes: (length) => new Uint8Array(length).fill(1) },
      mayRelayTo: addressPolicy(),
      nowMs: 0,
    });
  }

  /** One more call wants to be relayed, and begins at once. False: it goes elsewhere. */
  begin(): boolean {
    const n = ++this.#opened;
    const ends = [0, 1].map((side) => ({
      me: `user-${n}-${side}`,
      peer: `user-${n}-${1 - side}`,
      receiveFlow: 2 * n + side,
      sendFlow: 2 * n + 1 - side,
      source: { address: `198.51.${100 + side}.${n % 256}`, port: 1000 + n, socket: 0 },
    }));
    const keys = new Map<string, Uint8Array>();
    for (const { me, peer, receiveFlow, sendFlow } of ends) {
      const result = this.#table.open(
        { party: me, peer, receiveFlow, sendFlow, ticket: me, confirmable: false },
        this.nowMs,
      );
      if (result.kind === 'refused') return false;
      if (result.kind === 'opened')
        for (const { ticket, bindKey } of result.bindKeys) keys.set(ticket, bindKey);
    }
    for (const end of ends) this.#bind(end, keys.get(end.me)!);
    this.calls.push([ends[0]!, ends[1]!]);
    return true;
  }

  #bind({ source, sendFlow }: End, bindKey: Uint8Array): void {
    const ask = (cookie: Uint8Array) => {
      const mac = (bytes: Uint8Array) => hmacSha256(bindKey, bytes);
      const request = writeBindRequest({ flowId: sendFlow, sequence: 1n, cookie }, mac);
      const result = this.#table.handleDatagram(source, request, this.nowMs);
      if (result.kind !== 'reply') throw new Error(JSON.stringify(result));
      return result.datagram;
    };
    ask(readBindChallenge(ask(new Uint8Array(COOKIE_BYTES)))!.cookie);
  }

  /** Everybody speaks for so long. */
  talk(forMs: number): void {
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; this.nowMs += FRAME_MS) {
      this.#table.handleTimeout(this.nowMs);
      for (const { source, sendFlow } of this.calls.flat()) {
        const result = this.#table.handleDatagram(source, writeMedia(sendFlow, 7, SEALED), this.nowMs);
        if (result.kind !== 'forward') this.lost++;
      }
    }
  }
}

describe('a supernode of 1 Mbit/s to which more calls come than that carries', () => {
  it.each([
    ['one after another', 1000],
    ['in quick succession', 40],
  ])('takes what it can, and nobody it carries loses a packet: %s', (_, everyMs) => {
    const supernode = new SmallSupernode(1);
    let refused = 0;
    for (let i = 0; i < 60; i++) {
      if (!supernode.begin()) refused++;
      supernode.talk(everyMs);
    }
    supernode.talk(30_000);
    expect(supernode.lost).toBe(0);
    // 14 are all that fit.
    expect(supernode.calls.length).toBeGreaterThanOrEqual(everyMs < 1000 ? 8 : 11);
    expect(refused).toBe(60 - supernode.calls.length);
  });

  it('takes new ones again when others have hung up', () => {
    const supernode = new SmallSupernode(1);
    while (supernode.begin()) supernode.talk(1000);
    supernode.calls.splice(0, 4);
    supernode.talk(5000);
    expect([supernode.begin(), supernode.begin()]).toEqual([true, true]);
  });
});
