/**
 * Records when the packets of a real stream arrive, for the tests of the jitter buffer (packages/media/src/voice/traces):
 *
 *   node bench/voice/record-arrivals.ts receive IP PORT SECONDS FILE 'where this comes from'
 *   node bench/voice/record-arrivals.ts send IP PORT SECONDS
 *
 * On one machine (one monotonic clock), in two processes as in a call: 63 bytes of payload each 20 ms by the pacer of the softphone.
 */
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { FRAME_MS, FramePacer } from '@overcall/media';

/** 3 + 60 bytes of payload, and what protects it. */
const PACKET_BYTES = 86;

const [role, address = '127.0.0.1', port = '4000', seconds = '60', file = '', about = ''] =
  process.argv.slice(2);
const monotonicMs = () => Number(process.hrtime.bigint() / 1000n) / 1000;

if (role === 'send') send();
else if (role === 'receive') receive();
else throw new Error('send or receive');

function send(): void {
  const socket = createSocket('udp4');
  const startMs = monotonicMs();
  const pacer = new FramePacer(startMs);
  let number = 0;
  const tick = () => {
    for (let due = pacer.due(monotonicMs()); due > 0; due--) {
      const packet = Buffer.alloc(PACKET_BYTES);
      packet.writeUInt32BE(number, 0);
      packet.writeDoubleBE(startMs + (number++ + pacer.skippedFrames) * FRAME_MS, 4);
      socket.send(packet, Number(port), address);
    }
    if (number * FRAME_MS < Number(seconds) * 1000)
      setTimeout(tick, Math.max(0, pacer.nextAt - monotonicMs()));
    else socket.close();
  };
  tick();
}

/** Of each frame: how long after its moment it was there, whole ms after the earliest; "-": it never was. */
function receive(): void {
  const socket = createSocket('udp4');
  const delaysMs: (number | null)[] = [];
  socket.on('message', (packet) => {
    const number = packet.readUInt32BE(0);
    while (delaysMs.length <= number) delaysMs.push(null);
    delaysMs[number] ??= monotonicMs() - packet.readDoubleBE(4);
  });
  socket.bind(Number(port), address);
  setTimeout(
    () => {
      socket.close();
      const leastMs = Math.min(...delaysMs.flatMap((delay) => delay ?? []));
      const trace = delaysMs.map((delay) => (delay === null ? '-' : Math.round(delay - leastMs))).join(' ');
      writeFileSync(file, `${JSON.stringify({ about, delaysMs: trace }, null, 2)}\n`);
    },
    (Number(seconds) + 2) * 1000,
  );
}
