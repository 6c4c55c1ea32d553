import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { linkDatagrams } from './datagram-link.ts';

/** A WebSocket whose reader is as slow as the test wants. */
class SlowSocket extends EventEmitter {
  readyState: number = WebSocket.OPEN;
  bufferedAmount = 0;
  readonly sent: number[] = [];
  readonly pongs: Buffer[] = [];
  closedWith: number | undefined;
  readonly #written: (() => void)[] = [];

  send(datagram: Uint8Array, onWritten: () => void): void {
    this.sent.push(datagram[0]!);
    this.#written.push(onWritten);
  }

  ping(): void {}

  pong(data: Buffer): void {
    this.pongs.push(data);
  }

  close(code: number): void {
    this.closedWith = code;
  }

  isTerminated = false;
  terminate(): void {
    this.isTerminated = true;
  }

  /** The kernel takes what waited. */
  drain(): void {
    this.bufferedAmount = 0;
    for (const done of this.#written.splice(0)) done();
  }
}

function link() {
  const socket = new SlowSocket();
  const arrived: Uint8Array[] = [];
  const datagrams = linkDatagrams(socket as unknown as WebSocket, null, {
    onDatagram: (datagram) => arrived.push(datagram),
    onClose: () => {},
  });
  return { socket, datagrams, arrived };
}

afterEach(() => vi.useRealTimers());

describe('a link for datagrams', () => {
  it('keeps the newest 16 for somebody who reads too slowly, and sends them when there is room', () => {
    const { socket, datagrams } = link();
    datagrams.send(new Uint8Array([0]));
    socket.bufferedAmount = 5000;
    for (let i = 1; i <= 100; i++) datagrams.send(new Uint8Array([i]));
    expect(socket.sent).toEqual([0]);
    expect(datagrams.dropped).toBe(84);
    socket.drain();
    expect(socket.sent).toEqual([0, ...Array.from({ length: 16 }, (_, i) => 85 + i)]);
  });

  it('answers pings, but not of somebody who does not read the answers', () => {
    const { socket } = link();
    socket.emit('ping', Buffer.from('a'));
    socket.bufferedAmount = 5000;
    socket.emit('ping', Buffer.from('b'));
    expect(socket.pongs).toEqual([Buffer.from('a')]);
  });

  it('takes binary messages, ignores pongs that it did not ask for, and ends with text', () => {
    const { socket, arrived } = link();
    socket.emit('message', Buffer.from([4]), true);
    for (const length of [0, 4, 125]) socket.emit('pong', Buffer.alloc(length));
    expect(arrived).toEqual([Buffer.from([4])]);
    socket.emit('message', Buffer.from('hello'), false);
    expect([arrived.length, socket.closedWith]).toEqual([1, 1003]);
  });

  it('cuts off who does not answer a close within 2 s', () => {
    vi.useFakeTimers();
    for (const end of [
      ({ datagrams }: ReturnType<typeof link>) => datagrams.close(1008),
      ({ socket }: ReturnType<typeof link>) => socket.emit('message', Buffer.from('hello'), false),
    ]) {
      const ended = link();
      end(ended);
      vi.advanceTimersByTime(1999);
      expect(ended.socket.isTerminated).toBe(false);
      vi.advanceTimersByTime(1);
      expect(ended.socket.isTerminated).toBe(true);
    }
  });
});
