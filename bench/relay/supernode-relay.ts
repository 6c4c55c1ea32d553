/**
 * The relay path of a supernode in a process of its own: the flow table with every check, behind the sockets of a
 * supernode. Flows are opened here as control connections would; the rest comes by UDP. The table is not swept: flows
 * that wait for their turn in the measurement would expire.
 */
import { randomBytes } from 'node:crypto';
import { hmacSha256, monotonicMs, type RelaySocketKind } from '@overcall/net';
import {
  addressPolicy,
  DEFAULT_RELAY_LIMITS,
  RelayTable,
  type RelayTicket,
  totalBytesRate,
} from '@overcall/overlay';
import { UdpDriver } from '../../apps/supernode/src/udp-driver.ts';
import { WaveLog } from './wave-log.ts';

export interface Orders {
  listen?: { address: string; port: number };
  open?: number;
  rss?: true;
  /** From when to when packets were on the way, on the clock of the machine, ms. */
  causes?: (readonly [number, number])[];
}

/** Both parties of a flow, and the key of each. */
export interface OpenedFlow {
  flows: [number, number];
  keys: [string, string];
}

/** 100 calls stand for the packets of 2,000: the limits of each direction of a flow are raised, not taken away. */
const MANY = { perSecond: 1_000_000, burst: 1_000_000 };
const BYTES = { perSecond: 1_000_000_000, burst: 1_000_000_000 };

const table = new RelayTable<RelayTicket>({
  limits: {
    ...DEFAULT_RELAY_LIMITS,
    maxAllocations: 100_000,
    packets: MANY,
    bytes: BYTES,
    totalBytes: totalBytesRate(10_000),
    bindChallenges: { perPrefix: MANY, all: MANY },
  },
  crypto: { hmacSha256, randomBytes },
  mayRelayTo: addressPolicy(),
  nowMs: monotonicMs(),
});
const driver = new UdpDriver(table, process.argv[2] as RelaySocketKind, undefined, () => null);
/** Only where it is asked for: it costs half a microsecond a packet. */
const log = process.argv[3] === 'logged' ? await WaveLog.start() : null;
let connections = 0;

function open(): OpenedFlow {
  const [alice, bob] = [randomBytes(32).toString('base64url'), randomBytes(32).toString('base64url')];
  const [a, b] = [randomBytes(4).readUInt32LE(), randomBytes(4).readUInt32LE()];
  const ask = (party: string, peer: string, receiveFlow: number, sendFlow: number) => {
    const ticket = { connection: ++connections, id: 1 };
    // As from JSON: a copy of each text for each request.
    const request = JSON.parse(JSON.stringify({ party, peer, receiveFlow, sendFlow }));
    return table.open({ ...request, ticket }, monotonicMs());
  };
  ask(alice, bob, a, b);
  const result = ask(bob, alice, b, a);
  if (result.kind !== 'opened') throw new Error(result.kind);
  const [first, second] = result.bindKeys.map(({ bindKey }) => Buffer.from(bindKey).toString('hex'));
  return { flows: [a, b], keys: [first!, second!] };
}

process.on('message', async ({ listen, open: count, rss, causes }: Orders) => {
  if (listen) process.send!(await driver.listen(listen));
  if (count) process.send!(Array.from({ length: count }, open));
  if (causes) process.send!(log!.causesOf(causes));
  if (rss) {
    for (let i = 0; i < 3; i++) {
      global.gc!();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    process.send!({ rss: process.memoryUsage.rss(), calls: table.allocations });
  }
});
process.on('disconnect', () => process.exit(0));
