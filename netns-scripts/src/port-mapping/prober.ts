// Runs inside a NAT: asks it by every protocol to map a port, has a stranger knock there, deletes the mapping, has
// another stranger knock. Arguments: own address, inside address of the NAT, then the protocols that it should
// have. Prints knocks that it wants, one per line, and at last the measurements.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { CLIENTS, type Inside } from './clients.ts';
import type { Knock, PortMappingMeasurement, PortMappingMeasurements } from './messages.ts';
import { PORT_MAPPING_PROTOCOLS, type PortMappingProtocol } from './port-mapping-spec.ts';

const PATIENCE_MS = 3000;

/** A knock may get lost on its way: again after this time. */
const KNOCK_AGAIN_MS = 250;

/** What has not come after so many times the time that it took once, and at least this, will not come. */
const GRACE_TIMES = 2;
const GRACE_MS = 40;

/** Long enough to be measured, and over soon if this program should be killed. */
const LIFETIME_S = 60;

const [address, gateway, ...words] = process.argv.slice(2);
const inside: Inside = { address: address!, gateway: gateway! };
const claimed = PORT_MAPPING_PROTOCOLS.filter((protocol) => words.includes(protocol));
const say = (what: object): boolean => process.stdout.write(`${JSON.stringify(what)}\n`);

/** Whether a stranger's packet arrives, and after how long. */
async function knock(socket: Socket, wanted: Knock, limitMs: number): Promise<number | null> {
  const sentAt = performance.now();
  const arrived = new AbortController();
  const listen = (data: Buffer) => data.toString() === wanted.text && arrived.abort();
  socket.on('message', listen);
  const over = AbortSignal.any([arrived.signal, AbortSignal.timeout(limitMs)]);
  while (!over.aborted) {
    say(wanted);
    await delay(KNOCK_AGAIN_MS, undefined, { signal: over }).catch(() => {});
  }
  socket.off('message', listen);
  return arrived.signal.aborted ? performance.now() - sentAt : null;
}

async function measure(
  protocol: PortMappingProtocol,
  over: AbortSignal,
): Promise<PortMappingMeasurement | null> {
  const socket = createSocket('udp4');
  socket.bind();
  await once(socket, 'listening');
  const { port } = socket.address();
  const wish = { insidePort: port, outsidePort: port };
  const client = CLIENTS[protocol];
  const mapped = await client(inside, { ...wish, lifetimeS: LIFETIME_S }, over);
  if (mapped === 'silence') return null;
  if ('refused' in mapped) return { address: null, passed: { mapped: false, deleted: false } };
  const to = [mapped.address, mapped.port] as const;
  // Each from another endpoint: the connection of the first one outlives the mapping.
  const tookMs = await knock(socket, { text: `${protocol} mapped`, from: 2, to }, PATIENCE_MS);
  await client(inside, { ...wish, outsidePort: mapped.port, lifetimeS: 0 }, over);
  const graceMs = Math.ceil(Math.max(GRACE_MS, GRACE_TIMES * (tookMs ?? 0)));
  const late = await knock(socket, { text: `${protocol} deleted`, from: 1, to }, graceMs);
  return { address: mapped.address, passed: { mapped: tookMs !== null, deleted: late !== null } };
}

const measurements: PortMappingMeasurements = {};
const measureAll = (protocols: readonly PortMappingProtocol[], over: AbortSignal) =>
  Promise.all(
    protocols.map(async (protocol) => {
      measurements[protocol] = await measure(protocol, over).catch((error) => {
        if (over.aborted) return null;
        throw error;
      });
    }),
  );

const others = new AbortController();
const rest = measureAll(
  PORT_MAPPING_PROTOCOLS.filter((protocol) => !claimed.includes(protocol)),
  others.signal,
);
const startedAt = performance.now();
await measureAll(claimed, AbortSignal.timeout(PATIENCE_MS));
// Whoever answers at all has by now answered the same NAT's other requests.
await delay(Math.max(0, startedAt + GRACE_MS - performance.now()));
others.abort();
await rest;
say({ measurements });
process.exit();
