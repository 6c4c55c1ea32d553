import { randomBytes } from 'node:crypto';
import { bindRelaySocket, hmacSha256, monotonicMs, type RelaySocketKind } from '@overcall/net';
import { addressPolicy, DEFAULT_RELAY_LIMITS, type RelaySource, RelayTable } from '@overcall/overlay';
import { COOKIE_BYTES, type FlowId, readBindChallenge, writeBindRequest, writeMedia } from '@overcall/wire';
import { UdpDriver } from '../udp-driver.ts';
import { CpuMeter } from './cpu-meter.ts';

/** The longest that each of the two measurements may take on a machine that is busy otherwise, ms. */
const WALL_MS = 300;
/** Opus at 32 kbit/s and a header of its own: what a packet carries. */
const PAYLOAD_BYTES = 80;
/** Flows that are used in turn: as many calls as a small supernode has. */
const CALLS = 64;
/** Datagrams on their way at once over loopback: well below what a socket keeps. */
const WINDOW = 64;
const NO_LIMIT = { perSecond: 1e9, burst: 1e9 };

/** Datagrams for each second of processor time. */
export interface RelaySpeed {
  /** Through the flow table alone. */
  tablePerCpuS: number | null;
  /** From a socket to the relay's and on to another one, over loopback: both ends are paid for as well. */
  relayedPerCpuS: number | null;
}

interface Party {
  source: RelaySource;
  datagram: Uint8Array;
}

/** How fast this host relays, measured for a fraction of a second with flows of our own: nothing leaves the machine. */
export async function measureRelaySpeed(kind: RelaySocketKind, wallMs = WALL_MS): Promise<RelaySpeed> {
  const relayedPerCpuS = await loopbackSpeed(kind, wallMs).catch(() => null);
  return { tablePerCpuS: tableSpeed(wallMs), relayedPerCpuS };
}

function tableSpeed(wallMs: number): number | null {
  const table = openTable();
  const sources = (call: number): [RelaySource, RelaySource] => [
    { address: '127.0.0.1', port: 10_000 + 2 * call, socket: 0 },
    { address: '127.0.0.1', port: 10_001 + 2 * call, socket: 0 },
  ];
  const parties = Array.from({ length: CALLS }, (_, call) => openCall(table, call, sources(call))).flat();
  const meter = new CpuMeter({ wallMs, nowMs: monotonicMs, cpuMs });
  for (let isOver = false; !isOver; isOver = meter.count(parties.length)) {
    const nowMs = monotonicMs();
    for (const { source, datagram } of parties) table.handleDatagram(source, datagram, nowMs);
  }
  return meter.perCpuSecond;
}

async function loopbackSpeed(kind: RelaySocketKind, wallMs: number): Promise<number | null> {
  const table = openTable();
  const driver = new UdpDriver(table, kind, undefined, () => null);
  const local = { address: '127.0.0.1', port: 0 };
  const relay = await driver.listen(local);
  let handleReturned = () => {};
  // It is both parties of each call: what comes back has been relayed once.
  const ends = await bindRelaySocket(kind, local, {
    sourceOf: () => null,
    onDatagram: () => handleReturned(),
  });
  const own = { ...ends.address, socket: 0 };
  const parties = Array.from({ length: CALLS }, (_, call) => openCall(table, call, [own, own])).flat();
  let next = 0;
  const send = () => ends.send(parties[next++ % parties.length]!.datagram, relay);
  const meter = new CpuMeter({ wallMs, nowMs: monotonicMs, cpuMs });
  const over = Promise.withResolvers<void>();
  // What came back makes room for another one; when some get lost, the end is by the clock.
  handleReturned = () => (meter.count() ? over.resolve() : send());
  const timer = setTimeout(over.resolve, wallMs);
  try {
    for (let i = 0; i < WINDOW; i++) send();
    await over.promise;
    return meter.perCpuSecond;
  } finally {
    handleReturned = () => {};
    clearTimeout(timer);
    await Promise.all([ends.close(), driver.close()]);
  }
}

/** Of this process so far. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function openTable(): RelayTable<string> {
  return new RelayTable<string>({
    limits: { ...DEFAULT_RELAY_LIMITS, packets: NO_LIMIT, bytes: NO_LIMIT, totalBytes: NO_LIMIT },
    crypto: { hmacSha256, randomBytes },
    mayRelayTo: addressPolicy(['127.0.0.0/8']),
    nowMs: monotonicMs(),
  });
}

/** A call between two sources: opened from both sides and bound. */
function openCall(
  table: RelayTable<string>,
  call: number,
  [first, second]: [RelaySource, RelaySource],
): Party[] {
  const [a, b] = [`a${call}`, `b${call}`];
  const [flowA, flowB] = [2 * call + 1, 2 * call + 2] as [FlowId, FlowId];
  const nowMs = monotonicMs();
  table.open({ party: a, peer: b, receiveFlow: flowA, sendFlow: flowB, ticket: a }, nowMs);
  const opened = table.open({ party: b, peer: a, receiveFlow: flowB, sendFlow: flowA, ticket: b }, nowMs);
  if (opened.kind !== 'opened') throw new Error(opened.kind);
  const keyOf = (party: string) => opened.bindKeys.find(({ ticket }) => ticket === party)!.bindKey;
  const party = (source: RelaySource, sendFlow: FlowId, key: Uint8Array): Party => {
    bind(table, source, sendFlow, key, nowMs);
    return { source, datagram: writeMedia(sendFlow, 7, new Uint8Array(PAYLOAD_BYTES)) };
  };
  return [party(first, flowB, keyOf(a)), party(second, flowA, keyOf(b))];
}

function bind(
  table: RelayTable<string>,
  source: RelaySource,
  flowId: FlowId,
  key: Uint8Array,
  nowMs: number,
): void {
  const ask = (cookie: Uint8Array) =>
    table.handleDatagram(
      source,
      writeBindRequest({ flowId, sequence: 1n, cookie }, (bytes) => hmacSha256(key, bytes)),
      nowMs,
    );
  const challenge = ask(new Uint8Array(COOKIE_BYTES));
  const cookie = challenge.kind === 'reply' ? readBindChallenge(challenge.datagram)?.cookie : undefined;
  if (cookie === undefined) throw new Error('no cookie');
  ask(cookie);
}
