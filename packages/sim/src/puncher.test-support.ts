import { buildNetwork } from './build.ts';
import type { Socket } from './host.ts';
import type { Scenario } from './scenario.ts';
import { World } from './world.ts';

/** Who begins: whoever does not, only answers. */
const SCHEDULES = [
  { alice: true, bob: true, ttl: 64 },
  { alice: true, bob: true, ttl: 5 },
  { alice: true, bob: false, ttl: 64 },
  { alice: false, bob: true, ttl: 64 },
];

const SERVER = 'supernode';
const SERVER_PORT = 3478;
const ROUNDS = 4;
const ROUND_MS = 500;
const NAT_DELAY_MS = 10;

/**
 * Whether some order of ordinary checks connects alice and bob: each sends to the addresses that the other has by itself
 * and to the one that a server saw, and answers whom it hears. Links are ideal but for a delay at each NAT, which is
 * what lets two packets cross.
 */
export const connectsPlainly = (scenario: Scenario): boolean =>
  SCHEDULES.some((schedule) => connects(scenario, schedule));

function connects(scenario: Scenario, schedule: (typeof SCHEDULES)[number]): boolean {
  const links = (scenario.nats ?? []).map(({ name }) => ({ node: name, delayMs: NAT_DELAY_MS }));
  const world = new World({ seed: 7 });
  const network = buildNetwork(world, { ...scenario, links });
  const server = network.host(SERVER).bind(SERVER_PORT);
  const [alice, bob] = ['alice', 'bob'].map((name) => new Puncher(network.host(name).bind())) as [
    Puncher,
    Puncher,
  ];
  server.onDatagram = (_bytes, from) => server.send(from, text(`seen ${from}`));
  for (const one of [alice, bob]) one.ask(server.local);
  world.run(ROUND_MS);
  for (let round = 0; round < ROUNDS; round++) {
    const options = round === 0 ? { ttl: schedule.ttl } : {};
    if (schedule.alice) alice.check(bob, options);
    if (schedule.bob) bob.check(alice, options);
    world.run(world.now + ROUND_MS);
  }
  return alice.answered || bob.answered;
}

class Puncher {
  readonly #socket: Socket;
  #seen: string | null = null;
  /** Somebody got an answer: the path carries both ways. */
  answered = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.onDatagram = (bytes, from) => {
      const [word, endpoint] = new TextDecoder().decode(bytes).split(' ');
      if (word === 'seen') this.#seen = endpoint!;
      if (word === 'check') socket.send(from, text('answer'));
      if (word === 'answer') this.answered = true;
    };
  }

  get candidates(): string[] {
    return [...this.#socket.locals, ...(this.#seen === null ? [] : [this.#seen])];
  }

  ask(server: string): void {
    this.#socket.send(server, text('who am I'));
  }

  check(peer: Puncher, options: { ttl?: number }): void {
    for (const to of peer.candidates) this.#socket.send(to, text('check'), options);
  }
}

const text = (words: string) => new TextEncoder().encode(words);
