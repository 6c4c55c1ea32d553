import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Network, openLoopbackStage } from '@overcall/harness';
import { CONTROL_PATH } from '@overcall/net';
import { DatagramType } from '@overcall/wire';
import { afterAll, beforeAll, expect, it } from 'vitest';
import WebSocket from 'ws';

let folder: string;
let network: Network;
let udp: { address: string; port: number };
let control: { host: string; port: number };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'overcall-e2e-'));
  network = await Network.start(openLoopbackStage(), folder, { supernodeArgs: ['--admin', '127.0.0.1:0'] });
  await Promise.all(['alice', 'bob'].map((user) => network.register('alice', user)));
  const listening = network.supernode.find('listening')!;
  udp = parse(String(listening.udp));
  const { address, port } = parse(String(listening.control));
  control = { host: address, port };
});
afterAll(async () => {
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

function parse(text: string): { address: string; port: number } {
  const [address, port] = text.split(':');
  return { address: address!, port: Number(port) };
}

async function status(): Promise<Record<string, unknown>> {
  const response = await fetch(`http://${network.supernode.find('listening')!.admin}/status`);
  return (await response.json()) as Record<string, unknown>;
}

/** A call still works, and nobody crashed. */
async function expectCallWorks(): Promise<void> {
  const silent = ['--play', 'null', '--record', 'null'];
  const bob = network.overcall('bob', 'bob', 'listen', '--auto-answer', '--once', ...silent);
  await bob.waitFor('attached');
  const alice = network.overcall('alice', 'alice', 'call', 'bob', ...silent, '--duration', '1');
  expect(await alice.exited).toBe(0);
  await bob.exited;
}

it('random and half-right datagrams at the UDP port are counted and dropped, and draw no larger answer', async () => {
  const socket = createSocket('udp4');
  let answered = 0;
  socket.on('message', (message) => {
    answered += message.length;
  });
  let sent = 0;
  for (let i = 0; i < 3000; i++) {
    const datagram = randomBytes(i % 200);
    if (i % 2 === 0 && datagram.length > 0) datagram[0] = Object.values(DatagramType)[i % 5]!;
    sent += datagram.length;
    socket.send(datagram, udp.port, udp.address);
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await expectCallWorks();
  socket.close();
  expect(answered).toBeLessThanOrEqual(sent);
  expect(JSON.stringify(await status())).toMatch(/drop/i);
});

it('random bytes at the control port, before and after TLS and inside WebSocket frames, change nothing', async () => {
  for (let i = 0; i < 20; i++) {
    await garble(connect({ host: control.host, port: control.port }));
    await garble(connectTls({ host: control.host, port: control.port, rejectUnauthorized: false }));
  }
  for (const payload of [
    randomBytes(500),
    randomBytes(100).toString('latin1'),
    '{}',
    '{"t":"attach"}',
    '[',
    'x'.repeat(300_000),
  ]) {
    await garbleWebSocket(payload);
  }
  await expectCallWorks();
});

it('random bytes at the HTTP API are answered with 4xx or not at all', async () => {
  const { hostname, port } = new URL(network.directoryUrl);
  for (let i = 0; i < 20; i++) await garble(connect({ host: hostname, port: Number(port) }));
  for (const path of ['users', 'challenges', 'lookups', 'revocations', 'supernodes']) {
    for (const body of [
      randomBytes(200),
      '{',
      '{"registration":"a.b.c"}',
      '[]',
      `"${'x'.repeat(2_000_000)}"`,
    ]) {
      const response = await fetch(`${network.directoryUrl}/v1/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : new Uint8Array(body),
      }).catch(() => null);
      if (response !== null && !(path === 'challenges' && response.ok)) {
        expect([path, Math.floor(response.status / 100)]).toEqual([path, 4]);
      }
    }
  }
  expect((await fetch(`${network.directoryUrl}/healthz`)).status).toBe(200);
  await expectCallWorks();
});

/** Writes random bytes as soon as there is a connection and waits until it is closed, by either side. */
function garble(socket: ReturnType<typeof connect>): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => {});
    socket.once('close', () => resolve());
    socket.once('connect', () =>
      socket.write(randomBytes(300), () => setTimeout(() => socket.destroy(), 20)),
    );
  });
}

function garbleWebSocket(payload: Buffer | string): Promise<void> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`wss://${control.host}:${control.port}${CONTROL_PATH}`, {
      rejectUnauthorized: false,
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve());
    socket.once('open', () => {
      socket.send(payload);
      setTimeout(() => socket.terminate(), 50);
    });
  });
}
