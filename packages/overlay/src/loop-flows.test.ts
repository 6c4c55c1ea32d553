import { createHmac } from 'node:crypto';
import { COOKIE_BYTES, DatagramType, readBindChallenge, writeBindRequest, writeMedia } from '@overcall/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressPolicy } from './address-policy.ts';
import type { RelaySource } from './relay-flows.ts';
import { DEFAULT_RELAY_LIMITS, IDLE_EXPIRY_MS, type RelayLimits } from './relay-limits.ts';
import { RelayTable } from './relay-table.ts';

const hmacSha256 = (key: Uint8Array, bytes: Uint8Array) =>
  new Uint8Array(createHmac('sha256', key).update(bytes).digest());

const FLOW = 0xaaaa0001;
const HOME: RelaySource = { address: '198.51.100.1', port: 1001, socket: 0 };
const STRANGER: RelaySource = { address: '192.0.2.66', port: 666, socket: 0 };

/** A check: 57 bytes of the kind that softphones send to each other. */
function checkOn(flow: number): Uint8Array {
  const datagram = writeMedia(flow, 1, new Uint8Array(50).fill(3));
  datagram[0] = DatagramType.Check;
  return datagram;
}

function newTable(limits: Partial<RelayLimits> = {}): RelayTable<string> {
  let random = 0;
  return new RelayTable<string>({
    limits: { ...DEFAULT_RELAY_LIMITS, ...limits },
    crypto: { hmacSha256, randomBytes: (length) => new Uint8Array(length).fill(++random) },
    mayRelayTo: addressPolicy(),
    nowMs: 0,
  });
}

function openLoop(table: RelayTable<string>, owner = 1, flow = FLOW, party = 'alice'): Uint8Array {
  const result = table.openLoop({ owner, party, flow, ticket: `${owner}` }, 0);
  if (result.kind !== 'opened') throw new Error(result.kind);
  return result.bindKeys[0]!.bindKey;
}

function bind(table: RelayTable<string>, bindKey: Uint8Array, source = HOME, flow = FLOW, nowMs = 0): void {
  const request = (sequence: bigint, cookie: Uint8Array) =>
    writeBindRequest({ flowId: flow, sequence, cookie }, (bytes) => hmacSha256(bindKey, bytes));
  const first = table.handleDatagram(source, request(1n, new Uint8Array(COOKIE_BYTES)), nowMs);
  const { cookie } = readBindChallenge((first as { datagram: Uint8Array }).datagram)!;
  expect(table.handleDatagram(source, request(2n, cookie), nowMs).kind).toBe('reply');
}

describe('a flow to oneself', () => {
  it('brings back what was sent on it, unchanged, once the source is proven', () => {
    const table = newTable();
    const bindKey = openLoop(table);
    expect(table.handleDatagram(HOME, checkOn(FLOW), 0).kind).not.toBe('forward');
    bind(table, bindKey);
    const datagram = checkOn(FLOW);
    expect(table.handleDatagram(HOME, datagram, 0)).toEqual({ kind: 'forward', to: HOME, datagram });
    expect(table.handleDatagram(STRANGER, checkOn(FLOW), 0).kind).not.toBe('forward');
  });

  it('is no call, takes none of the flows of its user, and is open to who is attached to a full relay', () => {
    const table = newTable({ maxFlowsPerParty: 1, maxAllocations: 1 });
    for (let owner = 1; owner <= 20; owner++) openLoop(table, owner, owner);
    expect([table.allocations, table.pending, table.loops]).toEqual([0, 0, 20]);
    const open = (party: string, peer: string, receiveFlow: number, sendFlow: number) =>
      table.open({ party, peer, receiveFlow, sendFlow, ticket: party }, 0).kind;
    expect(open('alice', 'bob', 100, 200)).toBe('waiting');
    expect(open('bob', 'alice', 200, 100)).toBe('opened');
    expect([table.allocations, table.pending]).toEqual([1, 0]);
    openLoop(table, 21, 21);
    expect(table.loops).toBe(21);
  });

  it('is one for each attachment: another one takes its place, the same one keeps its key', () => {
    const table = newTable();
    const bindKey = openLoop(table, 1);
    expect(openLoop(table, 1)).toEqual(bindKey);
    // On a new connection, before the old one is known to be dead, which then takes nothing with it.
    expect(openLoop(table, 2)).toEqual(bindKey);
    table.closeLoop(1);
    bind(table, bindKey);
    expect(table.handleDatagram(HOME, checkOn(FLOW), 0).kind).toBe('forward');
    openLoop(table, 2, FLOW + 1);
    expect(table.loops).toBe(1);
    expect(table.handleDatagram(HOME, checkOn(FLOW), 0)).toEqual({ kind: 'drop', reason: 'unknown-flow' });
  });

  it('ends with its attachment, by relay-close, and when it is idle', () => {
    const table = newTable();
    openLoop(table, 1, 1);
    openLoop(table, 2, 2);
    bind(table, openLoop(table, 3, 3), HOME, 3);
    table.closeLoop(1);
    table.closeLoop(1);
    expect(table.close({ party: 'alice', receiveFlow: 2, sendFlow: 2 })).not.toBeNull();
    expect(table.loops).toBe(1);
    table.handleTimeout(IDLE_EXPIRY_MS);
    expect([table.loops, table.allocations, table.nextDeadline]).toEqual([0, 0, null]);
  });

  it('carries probes and nothing more', () => {
    const table = newTable();
    bind(table, openLoop(table));
    let bytes = 0;
    for (let nowMs = 0; nowMs < 10_000; nowMs += 10) {
      const result = table.handleDatagram(HOME, writeMedia(FLOW, 1, new Uint8Array(160)), nowMs);
      if (result.kind === 'forward') bytes += result.datagram.length;
    }
    expect(bytes).toBeLessThanOrEqual(1250 + 10 * 250);
    expect(table.handleDatagram(HOME, checkOn(FLOW), 11_000).kind).toBe('forward');
  });

  it('cannot be opened as a call, nor a call as one', () => {
    const table = newTable();
    openLoop(table);
    const request = { party: 'alice', peer: 'alice', receiveFlow: FLOW, sendFlow: FLOW, ticket: 'x' };
    expect(table.open(request, 0)).toEqual({ kind: 'refused', code: 'flow-in-use' });
  });

  it('keeps all counts right, whatever is opened and closed in which order', () => {
    const step = fc.tuple(fc.constantFrom('loop', 'close', 'unloop', 'open', 'wait'), fc.nat(3), fc.nat(2));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = newTable();
        let nowMs = 0;
        for (const [what, owner, flow] of steps) {
          const party = owner < 2 ? 'alice' : 'bob';
          const peer = owner < 2 ? 'bob' : 'alice';
          const [receiveFlow, sendFlow] = owner < 2 ? [flow, 10 + flow] : [10 + flow, flow];
          if (what === 'loop') table.openLoop({ owner, party, flow, ticket: '' }, nowMs);
          else if (what === 'unloop') table.closeLoop(owner);
          else if (what === 'close') table.close({ party, receiveFlow: flow, sendFlow: flow });
          else if (what === 'open') table.open({ party, peer, receiveFlow, sendFlow, ticket: '' }, nowMs);
          else {
            nowMs += 9_000;
            table.handleTimeout(nowMs);
          }
          expect(table.loops).toBeLessThanOrEqual(4);
          expect(Number.isInteger(table.allocations)).toBe(true);
          expect(table.allocations).toBeGreaterThanOrEqual(0);
        }
        table.handleTimeout(nowMs + 200_000);
        expect([table.loops, table.allocations, table.pending]).toEqual([0, 0, 0]);
      }),
      { numRuns: 300 },
    );
  });
});
