// link-sender.ts ADDRESS PORT COUNT FLOWS PER_SECOND BYTES: sends packets with a number (32 bits) and the time of sending
// (64 bits, floating point, ms by the wall clock) from FLOWS sockets in turn. See link-receiver.pl.
import { createSocket } from 'node:dgram';

const [address, ...numbers] = process.argv.slice(2);
const [port = 0, count = 0, flows = 1, perSecond = 1, bytes = 12] = numbers.map(Number);

const sockets = Array.from({ length: flows }, () => createSocket('udp4'));
await Promise.all(
  sockets.map((socket) => new Promise<void>((done) => socket.connect(port, address, () => done()))),
);
const startedAt = performance.now();
for (let sent = 0; sent < count; ) {
  const due = Math.min(count, 1 + Math.floor(((performance.now() - startedAt) * perSecond) / 1000));
  for (; sent < due; sent++) {
    const data = Buffer.alloc(bytes);
    data.writeUInt32LE(sent, 0);
    data.writeDoubleLE(performance.timeOrigin + performance.now(), 4);
    sockets[sent % flows]!.send(data);
  }
  await new Promise((resolve) => setTimeout(resolve, 1));
}
for (const socket of sockets) socket.close();
