import { EventEmitter } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectFirst } from './connect-race.ts';

const HERE = { host: '192.0.2.1', port: 443 };

class FakeSocket extends EventEmitter {
  isDestroyed = false;
  destroy(): void {
    this.isDestroyed = true;
  }
}

describe('of connections whose first packets get lost', () => {
  let tried: FakeSocket[];
  const dial = () => {
    const socket = new FakeSocket();
    tried.push(socket);
    return socket as unknown as Socket;
  };
  beforeEach(() => {
    vi.useFakeTimers();
    tried = [];
  });
  afterEach(() => vi.useRealTimers());

  it('takes the first that gets through, and closes the others', async () => {
    const first = connectFirst(HERE, { dial, random: () => 0.5 });
    expect(tried.length).toBe(1);
    vi.advanceTimersByTime(1100);
    expect(tried.length).toBe(3);
    tried[1]!.emit('connect');
    expect(await first).toBe(tried[1]);
    expect(tried.map(({ isDestroyed }) => isDestroyed)).toEqual([true, false, true]);
    vi.advanceTimersByTime(10_000);
    expect(tried.length).toBe(3);
  });

  it('tries so many and no more', async () => {
    const limit = new AbortController();
    const first = connectFirst(HERE, { dial, signal: limit.signal });
    vi.advanceTimersByTime(60_000);
    expect(tried.length).toBe(6);
    limit.abort(new Error('too late'));
    await expect(first).rejects.toThrow('too late');
    expect(tried.every(({ isDestroyed }) => isDestroyed)).toBe(true);
  });

  it('tries the next one when it has waited for half a second, spread by a quarter', () => {
    void connectFirst(HERE, { dial, random: () => 0 });
    void connectFirst(HERE, { dial, random: () => 0.999 });
    vi.advanceTimersByTime(374);
    expect(tried.length).toBe(2);
    vi.advanceTimersByTime(2);
    expect(tried.length).toBe(3);
    vi.advanceTimersByTime(246);
    expect(tried.length).toBe(3);
    vi.advanceTimersByTime(4);
    expect(tried.length).toBe(4);
  });

  it('tries one alone where it is asked whether a host can be reached', () => {
    void connectFirst(HERE, { dial, most: 1 });
    vi.advanceTimersByTime(60_000);
    expect(tried.length).toBe(1);
  });

  it('gives up at the first that is refused', async () => {
    const first = connectFirst(HERE, { dial, random: () => 0.5 });
    vi.advanceTimersByTime(600);
    tried[0]!.emit('error', new Error('refused'));
    await expect(first).rejects.toThrow('refused');
    expect(tried[1]!.isDestroyed).toBe(true);
  });
});

it('opens one connection where nothing gets lost', async () => {
  let accepted = 0;
  const server = createServer((socket) => {
    accepted++;
    socket.end('hello');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const socket = await connectFirst({ host: '127.0.0.1', port });
  const text = await new Promise((resolve) => socket.once('data', (data) => resolve(String(data))));
  expect(text).toBe('hello');
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  expect(accepted).toBe(1);
});
