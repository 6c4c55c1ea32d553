import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, expect, it, vi } from 'vitest';
import { TestNetwork } from './network.test-support.ts';

vi.mock('koffi', async (importOriginal) => {
  const { default: koffi } = await importOriginal<typeof import('koffi')>();
  const poll = () => {
    throw new Error('no poll today');
  };
  return { default: { ...koffi, node: { ...koffi.node, poll } } };
});

let network: TestNetwork;
afterEach(() => network.close());

it('a supernode whose koffi cannot watch sockets relays by plain UDP, and says so once', async () => {
  const lines: { level: number; reason?: string; relaying?: string }[] = [];
  const write = (line: string) => lines.push(JSON.parse(line));
  const log = pino({ level: 'info' }, new Writable({ write: (chunk, _, done) => done(void write(chunk)) }));
  network = await TestNetwork.start();
  await network.supernode('P', {
    log,
    listen: ['127.0.0.1:0', '127.0.0.2:0'],
    publicAddresses: ['127.0.0.1', '127.0.0.2'],
  });
  const warned = lines.filter(({ reason }) => reason?.includes('koffi'));
  expect(warned.map(({ level, reason }) => [level, reason])).toEqual([
    [40, 'koffi cannot do it: no poll today'],
  ]);
  expect(lines.find(({ relaying }) => relaying !== undefined)?.relaying).toBe('plain');
});
