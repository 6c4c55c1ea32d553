import { afterEach, describe, expect, it } from 'vitest';
import { bindRelaySocket, type RelaySocket, type RelaySocketKind } from './relay-socket.ts';
import { type UdpAddress, UdpSocket } from './udp-socket.ts';

interface Source extends UdpAddress {
  isMade: true;
}

let open: (RelaySocket | UdpSocket)[] = [];
afterEach(async () => {
  await Promise.all(open.map((socket) => socket.close()));
  open = [];
});

/** A relay of one rule, and what it saw. */
async function relay(
  kind: RelaySocketKind,
  address: string,
  rule: (socket: RelaySocket, datagram: Uint8Array, source: Source) => void,
): Promise<{ socket: RelaySocket; sources: Source[] }> {
  const sources: Source[] = [];
  const socket = await bindRelaySocket<Source>(
    kind,
    { address, port: 0 },
    {
      sourceOf: (from, port) => ({ address: from, port, isMade: true }),
      onDatagram: (datagram, source) => {
        sources.push(source);
        rule(socket, datagram, source);
      },
    },
  );
  open.push(socket);
  return { socket, sources };
}

/** A client, and a promise of the datagrams that it gets, as many as asked for. */
async function client(
  address: string,
  count: number,
): Promise<{ socket: UdpSocket; got: Promise<Buffer[]> }> {
  const datagrams: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<Buffer[]>();
  const socket = await UdpSocket.bind({ address, port: 0 }, (datagram) => {
    datagrams.push(Buffer.from(datagram));
    if (datagrams.length === count) resolve(datagrams);
  });
  open.push(socket);
  return { socket, got: promise };
}

/** Of many lengths, and each its own. */
const datagramOf = (number: number): Buffer => Buffer.alloc(1 + ((number * 37) % 1400), number % 251);

describe.each(['plain', 'batch'] as const)('a relay socket (%s)', (kind) => {
  it.each(['127.0.0.1', '::1'])('passes every datagram on unchanged, from and to %s', async (address) => {
    const count = 500;
    const receiver = await client(address, count);
    const to = receiver.socket.address;
    const { socket, sources } = await relay(kind, address, (own, datagram) => own.send(datagram, to));
    const sender = await client(address, 0);
    // All at once, so that they come in batches; less than what any system's buffer holds.
    for (let i = 0; i < count; i++) {
      sender.socket.send(datagramOf(i), socket.address);
      if (i % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await receiver.got).map((datagram) => datagram.toString('hex'))).toEqual(
      Array.from({ length: count }, (_, i) => datagramOf(i).toString('hex')),
    );
    const { port } = sender.socket.address;
    for (const source of sources) expect(source).toEqual({ address, port, isMade: true });
    expect(socket.counts).toMatchObject({ receivedDatagrams: count, sentDatagrams: count, sendErrors: 0 });
    expect(socket.counts.sentBytes).toBe(socket.counts.receivedBytes);
  });

  it('answers each sender with more than one datagram, at once and later', async () => {
    const { socket } = await relay(kind, '127.0.0.1', (own, datagram, source) => {
      const copy = new Uint8Array(datagram);
      for (let i = 0; i < 3; i++) own.send(copy, source);
      setImmediate(() => own.send(copy, source));
    });
    const clients = await Promise.all(Array.from({ length: 60 }, () => client('127.0.0.1', 4)));
    for (const [i, each] of clients.entries()) each.socket.send(datagramOf(i), socket.address);
    const got = await Promise.all(clients.map((each) => each.got));
    for (const [i, datagrams] of got.entries())
      expect(datagrams).toEqual(Array.from({ length: 4 }, () => datagramOf(i)));
  });

  it('counts what cannot be sent, and sends the rest', async () => {
    const receiver = await client('127.0.0.1', 2);
    const to = receiver.socket.address;
    const { socket } = await relay(kind, '127.0.0.1', (own, datagram) => {
      own.send(datagram, to);
      own.send(datagram, { address: '::1', port: 9 });
      own.send(datagram, { address: '255.255.255.255', port: 9 });
      own.send(datagram, to);
    });
    const sender = await client('127.0.0.1', 0);
    sender.socket.send(datagramOf(5), socket.address);
    expect(await receiver.got).toEqual([datagramOf(5), datagramOf(5)]);
    await expect.poll(() => socket.counts.sendErrors).toBe(2);
  });

  it('says that an address is in use by the code of the system', async () => {
    const { socket } = await relay(kind, '127.0.0.1', () => {});
    expect(socket.kind).toBe(kind);
    const again = bindRelaySocket(kind, socket.address, { sourceOf: () => 0, onDatagram: () => {} });
    await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('may be closed by what it receives', async () => {
    const { socket } = await relay(kind, '127.0.0.1', (own, datagram, source) => {
      void own.close();
      own.send(datagram, source);
    });
    const sender = await client('127.0.0.1', 0);
    for (let i = 0; i < 5; i++) sender.socket.send(datagramOf(i), socket.address);
    await expect.poll(() => socket.counts.receivedDatagrams).toBe(1);
    expect(socket.counts.sentDatagrams).toBe(0);
  });
});
