import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { ShaperControl } from './control.ts';

/** A connection on which nothing is answered until the test pushes it. */
function silentSocket(): Duplex & Socket {
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  return Object.assign(socket, { ref() {}, unref() {} }) as unknown as Duplex & Socket;
}

const ORDER = { set: { node: 'alice', link: {} } };

test('orders are answered in turn', async () => {
  const socket = silentSocket();
  const control = new ShaperControl(socket);
  const answers = [control.order(ORDER), control.order(ORDER)];
  socket.push('{"done":"open","pid":7}\n{"done":"set"}\n');
  expect(await Promise.all(answers)).toEqual([{ done: 'open', pid: 7 }, { done: 'set' }]);
});

test('when the process that plays the links is killed with an order unread, the order fails, and so do later ones', async () => {
  const socket = silentSocket();
  const control = new ShaperControl(socket);
  const under = control.order(ORDER);
  socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
  await expect(under).rejects.toMatchObject({ code: 'lab-gone' });
  if (!socket.closed) await once(socket, 'close');
  await expect(control.order(ORDER)).rejects.toMatchObject({ code: 'lab-gone' });
});
