import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { BatchUdpSocket } from './batch-udp-socket.ts';
import { linuxCalls } from './linux-calls.ts';

const calls = await linuxCalls();
const HERE = { address: '127.0.0.1', port: 0 };

/**
 * One socket sends itself a datagram, and then nothing else happens in that process until a timer goes off: so what the handler
 * left to a promise and to a tick has its turn after the wave, or only with the timer.
 */
const ALONE = `
  import { bindRelaySocket } from '${new URL('./relay-socket.ts', import.meta.url)}';
  const done = new Set();
  const note = (what) => {
    done.add(what);
    if (done.size < 2 && what !== 'timer') return;
    console.log([...done].sort().join(' '));
    process.exit();
  };
  const socket = await bindRelaySocket('batch', ${JSON.stringify(HERE)}, {
    sourceOf: () => null,
    onDatagram: async () => {
      process.nextTick(() => note('tick'));
      await null;
      note('promise');
    },
  });
  setTimeout(() => note('timer'), 10_000);
  // When nothing is left of the start.
  setTimeout(() => socket.send(new Uint8Array(1), socket.address), 100);
`;

it.skipIf(typeof calls === 'string')(
  'runs what a handler left to promises and ticks right after the wave',
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', ALONE]);
    expect(stdout.trim()).toBe('promise tick');
  },
);

it.skipIf(typeof calls === 'string')('leaves no descriptor behind where it cannot be watched', () => {
  const watch = () => {
    throw new Error('no poll today');
  };
  const handlers = { sourceOf: () => null, onDatagram: () => {} };
  const before = readdirSync('/proc/self/fd').length;
  expect(() => BatchUdpSocket.bind({ ...(calls as object), watch } as never, HERE, handlers)).toThrow(
    'no poll today',
  );
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});
