import { Socket } from 'node:dgram';
import { expect, it, vi } from 'vitest';
import { UdpSocket } from './udp-socket.ts';

it('sends as far as ever after a datagram for a few hops that was refused', async () => {
  const hops = vi.spyOn(Socket.prototype, 'setTTL');
  const socket = await UdpSocket.bind({ address: '127.0.0.1', port: 0 }, () => {});
  // Node takes no such port, and throws.
  socket.send(Uint8Array.of(1), { address: '127.0.0.1', port: 0 }, 5);
  expect(socket.counts.sendErrors).toBe(1);
  expect(hops.mock.calls).toEqual([[5], [64]]);
  await socket.close();
});
