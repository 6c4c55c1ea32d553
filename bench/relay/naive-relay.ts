/**
 * The least that a relay in Node can be, by its public API alone: one socket, a table of who sends to whom, and no check
 * at all. What it costs is Node's UDP on this machine, and the upper limit of the plain socket of a supernode.
 */
import { createSocket } from 'node:dgram';
import type { End } from './frames.ts';

export interface NaiveOrders {
  listen?: End;
  /** Both ends of calls. */
  open?: [End, End][];
  rss?: true;
}

const BUFFER_BYTES = 4 * 1024 * 1024;

const destinations = new Map<string, End>();
// As in a supernode: numeric addresses need no look-up, and Node's own makes every send wait for a later tick.
const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
socket.on('message', (datagram, { address, port }) => {
  const to = destinations.get(`${address}:${port}`);
  if (to !== undefined) socket.send(datagram, to.port, to.address);
});

process.on('message', async ({ listen, open, rss }: NaiveOrders) => {
  if (listen !== undefined)
    await new Promise<void>((resolve) => socket.bind(listen.port, listen.address, resolve));
  if (listen !== undefined) {
    socket.setRecvBufferSize(BUFFER_BYTES);
    socket.setSendBufferSize(BUFFER_BYTES);
  }
  for (const [a, b] of open ?? []) {
    destinations.set(`${a.address}:${a.port}`, b);
    destinations.set(`${b.address}:${b.port}`, a);
  }
  for (let i = 0; rss && i < 3; i++) {
    global.gc!();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  process.send!({ rss: process.memoryUsage.rss() });
});
process.on('disconnect', () => process.exit(0));
