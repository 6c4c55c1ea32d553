import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { type OvercallError, SUPERNODE_LIST_PATH, type SupernodeMessage } from '@overcall/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { type ControlLink, connectControl } from './control-client.ts';
import {
  type ControlConnection,
  ControlServer,
  type ControlServerLimits,
  DEFAULT_CONTROL_SERVER_LIMITS,
} from './control-server.ts';
import { createSelfSigned } from './self-signed-certificate.ts';
import { fetchListFrom } from './supernode-list-client.ts';
import type { UdpAddress } from './udp-socket.ts';

const tls = await createSelfSigned('test', []);
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Running {
  server: ControlServer;
  address: UdpAddress;
  target: { address: string; tlsSha256: string[] };
  connections: ControlConnection[];
  /** Requests for the list, and whether they are turned away. */
  asked: { count: number; refuse: boolean };
}

async function start(
  limits: Partial<ControlServerLimits> = {},
  admitConnection: (address: string) => boolean = () => true,
): Promise<Running> {
  const connections: ControlConnection[] = [];
  const asked = { count: 0, refuse: false };
  const server = new ControlServer(
    {
      onConnection: (connection) => {
        connections.push(connection);
        return { onText: () => {}, onClose: () => {} };
      },
      admitConnection,
      admitListRequest: () => {
        asked.count++;
        return !asked.refuse;
      },
    },
    { ...DEFAULT_CONTROL_SERVER_LIMITS, ...limits },
  );
  closers.push(() => server.close());
  const address = await server.listen({ address: '127.0.0.1', port: 0 }, tls);
  const target = { address: `${address.address}:${address.port}`, tlsSha256: [tls.sha256] };
  return { server, address, target, connections, asked };
}

/** A TCP connection that says nothing. `gone` is kept when the server ends it. */
async function idle({ address }: Running, localAddress = '127.0.0.1') {
  const socket: Socket = connect({ host: address.address, port: address.port, localAddress });
  closers.push(() => socket.destroy());
  socket.on('error', () => {});
  const gone = once(socket, 'close').then(() => 'closed');
  await once(socket, 'connect');
  return { socket, gone };
}

async function control(
  { target }: Running,
  onMessage = (_message: SupernodeMessage) => {},
): Promise<ControlLink> {
  const link = await connectControl(target, { onMessage, onClose: () => {} });
  closers.push(() => link.close());
  return link;
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'fine',
    (error: OvercallError) => error.code,
  );

describe('connections beyond what is admitted', () => {
  it('end before TLS, and hurt nobody who is there', async () => {
    let room = 1;
    const running = await start({}, () => room-- > 0);
    const link = await control(running);
    expect(await codeOf(control(running))).toBe('supernode-unreachable');
    expect(running.server.counts).toMatchObject({ accepted: 1, refusedConnections: 1 });
    expect(running.connections).toHaveLength(1);
    link.close();
  });
});

describe('connections of one address', () => {
  it('count from the first packet: silent ones take only their own share', async () => {
    const running = await start({ maxConnectionsPerAddress: 3, maxConnections: 5 });
    const silent = await Promise.all(Array.from({ length: 8 }, () => idle(running, '127.0.0.9')));
    let closed = 0;
    for (const { gone } of silent) void gone.then(() => closed++);
    await expect.poll(() => closed).toBe(5);
    await control(running);
    expect(closed).toBe(5);
    expect(running.server.counts.refusedConnections).toBe(5);
  });

  it('make room again when they end', async () => {
    const running = await start({ maxConnectionsPerAddress: 1 });
    const first = await idle(running);
    expect(await codeOf(control(running))).toBe('supernode-unreachable');
    first.socket.destroy();
    await first.gone;
    await expect.poll(() => codeOf(control(running))).toBe('fine');
  });

  it('end, the oldest first, when too many have not become control connections', async () => {
    const running = await start({ maxHandshakes: 2 });
    const link = await control(running);
    const [oldest, ...later] = [await idle(running), await idle(running), await idle(running)];
    expect(await oldest!.gone).toBe('closed');
    const states = await Promise.all(later.map(({ gone }) => Promise.race([gone, 'open'])));
    expect(states).toEqual(['open', 'open']);
    expect(running.connections).toHaveLength(1);
    link.close();
  });

  it('come on one port over IPv4 and IPv6', async () => {
    const { server } = await start();
    const { port } = await server.listen({ address: '0.0.0.0', port: 0 }, tls);
    expect(await server.listen({ address: '::', port }, tls)).toEqual({ address: '::', port });
  });

  it('are limited in all once they are control connections', async () => {
    const running = await start({ maxConnections: 1 });
    await control(running);
    expect(await codeOf(control(running))).toBe('supernode-unreachable');
  });
});

describe('the supernode list on the control port', () => {
  it('comes whole, however long, to many at once', async () => {
    const running = await start();
    expect(await codeOf(fetchListFrom(running.target))).toBe('supernode-unreachable');
    const long = 'x'.repeat(3_000_000);
    running.server.setList(long);
    const lists = await Promise.all(Array.from({ length: 5 }, () => fetchListFrom(running.target)));
    expect(lists.every((list) => list === long)).toBe(true);
    running.server.setList('a.b.c');
    expect(await fetchListFrom(running.target)).toBe('a.b.c');
  });

  it('is not asked for when the certificate differs', async () => {
    const running = await start();
    running.server.setList('a.b.c');
    const target = { ...running.target, tlsSha256: ['ab'.repeat(32)] };
    expect(await codeOf(fetchListFrom(target))).toBe('supernode-certificate-differs');
    expect(running.asked.count).toBe(0);
    await fetchListFrom(running.target);
    expect(running.asked.count).toBe(1);
  });

  it('is refused to an address that asks too often, and nothing else is there', async () => {
    const running = await start();
    running.server.setList('a.b.c');
    running.asked.refuse = true;
    await expect(fetchListFrom(running.target)).rejects.toThrow('too many requests from your address');
    for (const line of [`POST ${SUPERNODE_LIST_PATH}`, 'GET /', `GET ${SUPERNODE_LIST_PATH}?x`]) {
      const socket = tlsConnect({ ...hostOf(running), rejectUnauthorized: false });
      socket.end(`${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1.1 404 /);
      socket.destroy();
    }
  });
});

describe('a control connection', () => {
  it('knows how much waits for a client that does not read', async () => {
    const running = await start();
    const socket = tlsConnect({ ...hostOf(running), rejectUnauthorized: false });
    closers.push(() => socket.destroy());
    socket.write(
      'GET /v1/control HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await once(socket, 'data');
    socket.pause();
    const connection = running.connections[0]!;
    expect(connection.backlogBytes).toBe(0);
    const message: SupernodeMessage = { t: 'refused', code: '', message: 'x'.repeat(60_000) };
    for (let i = 0; i < 200 && connection.backlogBytes === 0; i++) connection.send(message);
    expect(connection.backlogBytes).toBeGreaterThan(0);
  });

  it('gives words without characters that act on a terminal', async () => {
    const running = await start();
    const said = new Promise<SupernodeMessage>((resolve) => control(running, resolve));
    await expect.poll(() => running.connections.length).toBe(1);
    running.connections[0]!.send({ t: 'refused', code: 'draining', message: 'a\u001b[2J\nb' });
    expect(await said).toEqual({ t: 'refused', code: 'draining', message: 'a[2Jb' });
  });
});

function hostOf({ address }: Running): { host: string; port: number } {
  return { host: address.address, port: address.port };
}
