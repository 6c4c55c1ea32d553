// The process that translates for every NAT64 of a lab, in a namespace of its own, into which it is started. On standard
// input it gets orders (see control.ts), one line of JSON each, and answers each with a line that says how many packets it
// has dropped so far, and why. It ends with its standard input.
import { readSync, writeSync } from 'node:fs';
import { PacketSocket } from '../links/packet-socket.ts';
import { type Side, Sides } from './sides.ts';

const CONTROL = 0;
const ANSWERS = 1;
const bytes = Buffer.alloc(65_536);
let text = '';

/** Waits for at least one byte. */
function readOrders(): Side[][] {
  const count = readSync(CONTROL, bytes);
  if (count === 0) process.exit(0);
  const lines = (text + bytes.toString('latin1', 0, count)).split('\n');
  text = lines.pop()!;
  return lines.map((line) => JSON.parse(line) as Side[]);
}

const socket = new PacketSocket('/proc/self/ns/net', CONTROL);
const sides = new Sides([]);
// A loop of its own instead of Node's, as that of the links (links/shaper-main.ts).
for (;;) {
  const ready = socket.wait(Number.POSITIVE_INFINITY);
  if (ready.control)
    for (const order of readOrders()) {
      sides.set(order);
      writeSync(ANSWERS, `${JSON.stringify(sides.dropped)}\n`);
    }
  if (ready.frames)
    socket.receive((frame, from) => {
      for (const { frame: translated, to } of sides.handleFrame(frame, from)) socket.send(translated, to);
    });
}
