import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { SupernodeEntry } from '@overcall/identity';
import { expect, it } from 'vitest';
import { tryControl } from './try-control.ts';

const entry = (port: number) =>
  ({ control: [`127.0.0.1:${port}`], tlsSha256: ['00'] }) as unknown as SupernodeEntry;
const never = new Promise<void>(() => {});

/** Takes connections and says nothing, as over a line that is too slow for TLS. */
async function silentServer() {
  const sockets = new Set<Socket>();
  const left = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => left.resolve());
    socket.resume();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, left: left.promise, close };
}

it('a line that is too slow to tell is unknown, not blocked', async () => {
  const server = await silentServer();
  // The plain connection has stood and is closed; that for TLS still waits.
  expect(await tryControl([entry(server.port)], server.left)).toBe('unknown');
  server.close();
});

it('nothing that answers is blocked, at once where it is refused', async () => {
  const server = await silentServer();
  server.close();
  expect(await tryControl([entry(server.port)], never)).toBe('blocked');
  expect(await tryControl([entry(server.port)], Promise.resolve())).toBe('blocked');
  expect(await tryControl([], never)).toBe('unknown');
});
