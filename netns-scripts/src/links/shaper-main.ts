// The process that plays all links of a lab. It is started by the holder (setup-program.ts) while the network is
// being built, and takes orders (see control.ts) on descriptor 4, one line of JSON each; it answers each with a
// line. It ends at the end of that descriptor, and with the lab in any case.
import { readSync, writeSync } from 'node:fs';
import type { Answer, Order } from './control.ts';
import { DepartureQueue } from './departure-queue.ts';
import { PacketSocket, VNET_HEADER } from './packet-socket.ts';
import { Wires } from './wire.ts';

const CONTROL = 4;
/** Batches of frames to read before those that are due are sent. */
const BATCHES = 4;

interface Waiting {
  frame: Buffer;
  to: number;
}

const queue = new DepartureQueue<Waiting>();
const bytes = Buffer.alloc(65_536);
let text = '';

/** Waits for at least one order, unless one has arrived already. */
function readOrders(): Order[] {
  const count = readSync(CONTROL, bytes);
  if (count === 0) process.exit(0);
  const lines = (text + bytes.toString('latin1', 0, count)).split('\n');
  text = lines.pop()!;
  return lines.map((line) => JSON.parse(line) as Order);
}

function answer(what: Answer): void {
  writeSync(CONTROL, `${JSON.stringify(what)}\n`);
}

function open(): { socket: PacketSocket; wires: Wires } {
  let orders: Order[] = [];
  while (orders.length === 0) orders = readOrders();
  const [order] = orders;
  if (!('open' in order!)) throw new Error('the first order must be "open"');
  const socket = new PacketSocket(order.open.namespace, CONTROL);
  const wires = new Wires(order.open.wires, Math.random);
  answer({ done: 'open', pid: process.pid });
  return { socket, wires };
}

/**
 * A loop of its own instead of Node's: that one cannot wait for a raw descriptor and for less than a
 * millisecond at once.
 */
function run(): never {
  const { socket, wires } = open();
  for (;;) {
    const ready = socket.wait(Math.max(0, queue.nextAtMs - performance.now()));
    if (ready.control)
      for (const order of readOrders()) {
        if ('set' in order) wires.setLink(order.set.node, order.set.link);
        answer({ done: 'set' });
      }
    if (ready.frames)
      for (let batch = 0; batch < BATCHES; batch++) {
        const isMore = socket.receive((frame, from, arrivedAtMs) => {
          const route = wires.handleFrame(frame.subarray(VNET_HEADER), from, arrivedAtMs);
          if (route === null || route.departuresMs.length === 0) return;
          const waiting = { frame: Buffer.from(frame), to: route.to };
          for (const atMs of route.departuresMs) queue.add(waiting, atMs);
        });
        if (!isMore) break;
      }
    const nowMs = performance.now();
    for (let due = queue.takeDue(nowMs); due !== undefined; due = queue.takeDue(nowMs))
      socket.send(due.frame, due.to);
  }
}

try {
  run();
} catch (error) {
  process.stderr.write(`links: ${(error as Error).message}\n`);
  process.exit(1);
}
