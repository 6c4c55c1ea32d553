import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  ControlServer,
  connectDatagrams,
  createSelfSigned,
  type DatagramLink,
  monotonicMs,
} from '@overcall/net';
import { addressPolicy, DEFAULT_RELAY_LIMITS, RelayTable } from '@overcall/overlay';
import { DatagramType, readBindAck, readBindChallenge, writeBindRequest, writeMedia } from '@overcall/wire';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { UdpDriver } from './udp-driver.ts';

/** The door for datagrams over TCP, with a real relay table behind it and real TLS on loopback. */
const tls = await createSelfSigned('test', []);
const hmacSha256 = (key: Uint8Array, bytes: Uint8Array) => createHmac('sha256', key).update(bytes).digest();
const closers: (() => unknown)[] = [];

let table: RelayTable<string>;
let driver: UdpDriver;
let address: string;

beforeEach(async () => {
  table = new RelayTable<string>({
    limits: DEFAULT_RELAY_LIMITS,
    crypto: { hmacSha256, randomBytes },
    mayRelayTo: addressPolicy(['127.0.0.0/8']),
    nowMs: monotonicMs(),
  });
  driver = new UdpDriver(table, 'plain', undefined, () => null);
  closers.push(() => driver.close());
  const server = new ControlServer({
    onConnection: () => ({ onText: () => {}, onClose: () => {} }),
    admitListRequest: () => false,
    datagrams: driver.streams.server,
  });
  closers.push(() => server.close());
  const local = await server.listen({ address: '127.0.0.1', port: 0 }, tls);
  address = `127.0.0.1:${local.port}`;
});
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closers.splice(0).reverse()) await close();
});

/** A connection, and what has come on it. */
class Stream {
  readonly arrived: Uint8Array[] = [];
  isClosed = false;
  #wake = () => {};
  #link: DatagramLink | null = null;

  static async open(): Promise<Stream> {
    const stream = new Stream();
    const { opened, abort } = connectDatagrams(
      { address, tlsSha256: [tls.sha256] },
      {
        onDatagram: (datagram) => {
          stream.arrived.push(new Uint8Array(datagram));
          stream.#wake();
        },
        onClose: () => {
          stream.isClosed = true;
          stream.#wake();
        },
      },
    );
    closers.push(abort);
    stream.#link = await opened;
    return stream;
  }

  send(datagram: Uint8Array): void {
    this.#link!.send(datagram);
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  async next(): Promise<Uint8Array> {
    await this.until(() => this.arrived.length > 0);
    return this.arrived.shift()!;
  }

  async bind(sendFlow: number, bindKey: Uint8Array): Promise<void> {
    const request = (sequence: bigint, cookie: Uint8Array) =>
      writeBindRequest({ flowId: sendFlow, sequence, cookie }, (bytes) => hmacSha256(bindKey, bytes));
    this.send(request(1n, new Uint8Array(16)));
    this.send(request(2n, readBindChallenge(await this.next())!.cookie));
    expect(readBindAck(await this.next())).not.toBeNull();
  }
}

/** What `relay-open` of both parties leads to. */
function openFlow(): { alice: Uint8Array; bob: Uint8Array } {
  const nowMs = monotonicMs();
  table.open({ party: 'alice', peer: 'bob', receiveFlow: 111, sendFlow: 222, ticket: 'alice' }, nowMs);
  const answer = { party: 'bob', peer: 'alice', receiveFlow: 222, sendFlow: 111, ticket: 'bob' };
  const result = table.open(answer, nowMs);
  if (result.kind !== 'opened') throw new Error(result.kind);
  const keyOf = (ticket: string) => result.bindKeys.find((each) => each.ticket === ticket)!.bindKey;
  return { alice: keyOf('alice'), bob: keyOf('bob') };
}

async function pair(): Promise<{ a: Stream; b: Stream }> {
  const keys = openFlow();
  const [a, b] = [await Stream.open(), await Stream.open()];
  await a.bind(222, keys.alice);
  await b.bind(111, keys.bob);
  return { a, b };
}

/** A WebSocket without manners; resolves with the code with which it was closed. */
async function rude(act: (socket: WebSocket) => void): Promise<number> {
  const socket = new WebSocket(`wss://${address}/v1/datagrams`, { rejectUnauthorized: false });
  closers.push(() => socket.terminate());
  socket.on('error', () => {});
  await once(socket, 'open');
  act(socket);
  const [code] = await once(socket, 'close');
  return code as number;
}

describe('datagrams over TCP', () => {
  it('are forwarded unchanged, one in each message', async () => {
    const { a, b } = await pair();
    for (const length of [16, 80, 1209]) {
      const datagram = writeMedia(222, 1, randomBytes(length));
      a.send(datagram);
      expect(await b.next()).toEqual(new Uint8Array(datagram));
    }
    const back = writeMedia(111, 1, randomBytes(60));
    b.send(back);
    expect(await a.next()).toEqual(new Uint8Array(back));
    expect(driver.counts.forwardedDatagrams).toBe(4);
  });

  it('lead nowhere without the key that the control connection hands out', async () => {
    const { b } = await pair();
    const stranger = await Stream.open();
    stranger.send(writeMedia(222, 1, randomBytes(60)));
    expect((await stranger.next())[0]).toBe(DatagramType.BindChallenge);
    const forged = writeBindRequest({ flowId: 222, sequence: 9n, cookie: new Uint8Array(16) }, (bytes) =>
      hmacSha256(new Uint8Array(32), bytes),
    );
    stranger.send(forged);
    stranger.send(writeMedia(222, 2, randomBytes(60)));
    await stranger.next();
    expect(driver.counts.dropped.get('bad-mac')).toBe(1);
    expect([stranger.arrived, b.arrived]).toEqual([[], []]);
    expect(driver.counts.forwardedDatagrams).toBe(0);
  });

  it('are no way to STUN, which would answer with more than it gets', async () => {
    const stream = await Stream.open();
    stream.send(Buffer.from('000100002112a442000102030405060708090a0b', 'hex'));
    openFlow();
    stream.send(writeMedia(222, 1, randomBytes(60)));
    expect((await stream.next())[0]).toBe(DatagramType.BindChallenge);
    expect(stream.arrived).toEqual([]);
  });

  it('end with text, and with messages that are too long', async () => {
    expect(await rude((socket) => socket.send('hello'))).toBe(1003);
    expect(await rude((socket) => socket.send(randomBytes(1233)))).toBe(1009);
    expect(driver.streams.server.counts.protocolErrors).toBeGreaterThan(0);
  });

  it('end with a flood of what leads nowhere, empty messages too', async () => {
    const flood = (bytes: () => Uint8Array) => (socket: WebSocket) => {
      for (let i = 0; i < 3000; i++) socket.send(bytes());
    };
    expect(await rude(flood(() => writeMedia(7, 1, randomBytes(60))))).toBe(1008);
    expect(await rude(flood(() => new Uint8Array(0)))).toBe(1008);
    expect(driver.streams.closedForMisuse).toBe(2);
  });

  it('end with a flood of pings', async () => {
    const flood = (socket: WebSocket) => {
      for (let i = 0; i < 500; i++) socket.ping();
    };
    expect(await rude(flood)).toBe(1008);
    expect(driver.streams.closedForMisuse).toBe(1);
  });

  it('end without a word where nothing has been bound after 15 s', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const { a } = await pair();
    const closed = rude(() => vi.advanceTimersByTime(16_000));
    // 1006: no close frame, which a stranger might not answer.
    expect([await closed, a.isClosed]).toEqual([1006, false]);
  });
});
