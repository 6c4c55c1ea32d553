import { afterEach, beforeEach, expect, it } from 'vitest';
import { FreshSockets, MAX_FRESH_SOCKETS } from './fresh-sockets.ts';

let sockets: FreshSockets;
beforeEach(() => {
  sockets = new FreshSockets({ bindAddress: '127.0.0.1', onDatagram: () => {}, onMeasured: () => {} });
});
afterEach(() => sockets.closeAll());

it('never opens more than a spray and foretelling need, even when asked again meanwhile', async () => {
  const opened = (await Promise.all([sockets.open(256), sockets.open(256)])).map(({ length }) => length);
  expect(opened).toEqual([256, MAX_FRESH_SOCKETS - 256]);
  expect(await sockets.open(1)).toEqual([]);
});

it('has none when it is closed while they are being opened', async () => {
  const opening = sockets.open(2);
  sockets.closeAll();
  expect(await opening).toEqual([]);
});
