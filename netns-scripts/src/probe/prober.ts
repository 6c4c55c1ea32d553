// Runs inside a NAT: measures how it behaves with the help of a responder outside, prints a Measurement, ends.
// Arguments: how many fresh sockets to open, the responder's two addresses, and perhaps what stands before IPv4
// addresses on the way through a NAT64.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Endpoint,
  type Measurement,
  type ProbeAnswer,
  type ProbeRequest,
  responderEndpoints,
} from './messages.ts';

/** On a busy machine a request or its answer may be late: asked again after this time, and so many times. */
const RETRY_MS = 250;
const TRIES = 20;

/** What was sent before something that has arrived is let come after it by so much, or by this many round trips. */
const GRACE_MS = 30;
const GRACE_ROUND_TRIPS = 2;

interface Heard {
  answers: ProbeAnswer[];
  /** Texts from a neighbour. */
  hairpins: number;
  changed: () => void;
}

const [, , freshSockets, firstAddress, secondAddress, nat64Prefix = ''] = process.argv;
const addresses = [firstAddress!, secondAddress!].map((address) => nat64Prefix + address);
const type = addresses[0]!.includes(':') ? 'udp6' : 'udp4';
const endpoints = responderEndpoints(addresses);
let lastId = 0;
let roundTripMs = 0;
const heardBy = new Map<Socket, Heard>();

async function open(): Promise<Socket> {
  const socket = createSocket(type);
  const heard: Heard = { answers: [], hairpins: 0, changed: () => {} };
  heardBy.set(socket, heard);
  socket.on('error', () => {}); // a NAT that rejects is told apart by silence, too
  socket.on('message', (data) => {
    if (data.toString() === HAIRPIN) heard.hairpins++;
    else heard.answers.push(JSON.parse(data.toString()) as ProbeAnswer);
    heard.changed();
  });
  socket.bind();
  await once(socket, 'listening');
  return socket;
}

const HAIRPIN = 'hairpin';

/** Where the responder sees this socket, once it has answered from the endpoint that was asked. */
async function ask(socket: Socket, to: number, answerFrom: number[] = [to]): Promise<Endpoint> {
  const heard = heardBy.get(socket)!;
  const id = ++lastId;
  const request: ProbeRequest = { id, answerFrom };
  const answer = () => heard.answers.find((one) => one.id === id && one.from === to);
  const [address, port] = endpoints[to]!;
  for (let tries = 0; tries < TRIES; tries++) {
    const sentAt = performance.now();
    socket.send(JSON.stringify(request), port, address);
    await heardSomething(heard, RETRY_MS, () => answer() !== undefined);
    if (!answer()) continue;
    roundTripMs = Math.max(roundTripMs, performance.now() - sentAt);
    return answer()!.seenAs;
  }
  throw new Error('the responder does not answer');
}

async function heardSomething(heard: Heard, limitMs: number, enough: () => boolean): Promise<void> {
  const limit = AbortSignal.timeout(limitMs);
  while (!enough() && !limit.aborted)
    await new Promise<void>((resolve) => {
      heard.changed = resolve;
      limit.addEventListener('abort', () => resolve(), { once: true });
    });
}

const grace = () => delay(Math.max(GRACE_MS, GRACE_ROUND_TRIPS * roundTripMs));

const sameSocket: Endpoint[] = [];
const one = await open();
for (const to of [0, 1, 2]) sameSocket.push(await ask(one, to));

// The answer from the endpoint that was asked comes last: when it is there, the others are there or will never be.
const other = await open();
await ask(other, 0, [2, 1, 0]);
const outsideOfOther = await ask(other, 0, [2, 1, 0]);

const fresh: Measurement['fresh'] = [];
for (let count = Number(freshSockets); count > 0; count--) {
  const socket = await open();
  const [, outside] = await ask(socket, 0);
  fresh.push({ inside: socket.address().port, outside });
}

// Each opens its own filter for the other before the other's packet comes that counts.
const [address, port] = sameSocket[0]!;
for (let round = 0; round < 3; round++) {
  other.send(HAIRPIN, port, nat64Prefix + address);
  one.send(HAIRPIN, outsideOfOther[1], nat64Prefix + outsideOfOther[0]);
  await grace();
}

const came = heardBy.get(other)!.answers;
const measurement: Measurement = {
  sameSocket,
  other: outsideOfOther,
  passed: {
    otherPort: came.some(({ from }) => from === 1),
    otherAddress: came.some(({ from }) => from === 2),
  },
  fresh,
  hairpin: [one, other].some((socket) => heardBy.get(socket)!.hairpins > 0),
};
process.stdout.write(`${JSON.stringify(measurement)}\n`);
process.exit();
