import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** A request or its answer may get lost: sent again after this time. */
const RETRY_MS = 250;

/**
 * Sends a datagram again and again until something comes back that `read` understands; null if nothing has
 * by the time that `over` is aborted.
 */
export async function ask<Answer>(
  packet: Buffer | string,
  [address, port]: readonly [string, number],
  read: (packet: Buffer) => Answer | null,
  over: AbortSignal,
): Promise<Answer | null> {
  const socket = createSocket('udp4');
  let answer: Answer | null = null;
  const answered = new AbortController();
  const patience = AbortSignal.any([over, answered.signal]);
  socket.on('error', () => {}); // a port that is closed is as good as silence
  socket.on('message', (data) => {
    answer ??= read(data);
    if (answer !== null) answered.abort();
  });
  socket.bind();
  await once(socket, 'listening');
  while (!patience.aborted) {
    socket.send(packet, port, address);
    await delay(RETRY_MS, undefined, { signal: patience }).catch(() => {});
  }
  socket.close();
  return answer;
}
