/**
 * How many datagrams the simulation carries in a second. Run with `node bench/sim/run.ts [PAIRS [FIRST_SEED]]` (20,000
 * pairs, about 10 s); put what it prints into RESULTS.md beside it.
 */
import { cpus, platform } from 'node:os';
import { type PairRun, tryPairs } from '@overcall/sim';

const [pairs = 20_000, firstSeed = 1] = process.argv.slice(2).map(Number);
const DATAGRAMS_PER_PAIR = 100;
const CHECK_BYTES = 60;

/** What a path agent does, without its decisions: asks servers, then checks all candidates, and answers. */
function checks({ world, network }: PairRun): null {
  const check = new Uint8Array(CHECK_BYTES);
  const servers = ['supernode', 'supernode-b'].map((name) => network.host(name).bind(3478));
  for (const server of servers) server.onDatagram = (bytes, from) => server.send(from, bytes);
  const sockets = ['alice', 'bob'].map((name) => network.host(name).bind());
  const [alice, bob] = sockets as [(typeof sockets)[0], (typeof sockets)[0]];
  const candidates = new Map(sockets.map((socket) => [socket, new Set(socket.locals)]));
  for (const [socket, peer] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    socket.onDatagram = (_bytes, from) => {
      if (world.counters.sent < DATAGRAMS_PER_PAIR) socket.send(from, check);
    };
    for (const server of servers) {
      const answer = server.onDatagram;
      server.onDatagram = (bytes, from) => {
        for (const known of candidates.values()) if (known.size < 4) known.add(from);
        answer(bytes, from);
      };
      socket.send(server.local, check);
    }
    const tick = () => {
      for (const to of candidates.get(peer)!) socket.send(to, check);
      if (world.counters.sent < DATAGRAMS_PER_PAIR) world.at(world.now + 20, tick);
    };
    world.at(200, tick);
  }
  world.run(5_000);
  return null;
}

tryPairs({ firstSeed, pairs: Math.min(pairs, 2_000) }, checks); // until the code is compiled
const before = process.cpuUsage();
const summary = tryPairs({ firstSeed, pairs }, checks);
const { user, system } = process.cpuUsage(before);
/** Of a processor: other work on the machine does not count. */
const tookS = (user + system) / 1e6;

const rows = [
  ['pairs from seed', `${pairs} from ${firstSeed}`],
  [
    'expected',
    Object.entries(summary.byExpected)
      .map(([path, count]) => `${path} ${count}`)
      .join(', '),
  ],
  ['datagrams', `${summary.datagrams} (${(summary.datagrams / pairs).toFixed(0)} a pair)`],
  ['a second', `${Math.round(summary.datagrams / tookS)} datagrams, ${Math.round(pairs / tookS)} pairs`],
  ['100,000 pairs', `${((100_000 * tookS) / pairs).toFixed(0)} s on one core`],
  ['failed', `${summary.failed}`],
];
const machine = `${cpus()[0]?.model}, ${cpus().length} cores, ${platform()}, Node ${process.version}`;
process.stdout.write(`${new Date().toISOString().slice(0, 10)}, ${machine}\n\n| what | |\n|---|---|\n`);
for (const [what, value] of rows) process.stdout.write(`| ${what} | ${value} |\n`);
