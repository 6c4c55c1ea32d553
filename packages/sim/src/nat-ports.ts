import type { Random } from './random.ts';
import type { Ports } from './scenario.ts';

/** Gives a new mapping its outside port. */
export interface PortAllocator {
  /**
   * -1 when there is none left.
   * @param host number of the inside address
   * @param isFree whether no other mapping has this port
   */
  allocate(host: number, insidePort: number, isFree: (port: number) => boolean): number;
}

const FIRST_PORT = 1024;
const PORTS = 65_536 - FIRST_PORT;

/** How many mappings sequential allocation makes before it begins anew; as in the lab. */
const SEQUENCE_LENGTH = 512;

/** As in the lab. */
export const BLOCKS_FIRST = 10_000;

/** Tries by chance before all ports are searched in order. */
const TRIES = 24;

export function portAllocator(ports: Ports, random: Random): PortAllocator {
  if (ports === 'random') return { allocate: (_host, _port, isFree) => anyPort(random, isFree) };
  if (ports === 'preserve')
    return { allocate: (_host, port, isFree) => (isFree(port) ? port : anyPort(random, isFree)) };
  if (ports === 'sequential') return sequence(1, random);
  return 'sequential' in ports ? sequence(ports.sequential, random) : blocks(ports.block, random);
}

const anyPort = (random: Random, isFree: (port: number) => boolean): number =>
  among(FIRST_PORT, PORTS, random, isFree);

function among(first: number, count: number, random: Random, isFree: (port: number) => boolean): number {
  for (let tried = 0; tried < TRIES; tried++) {
    const port = first + random.below(count);
    if (isFree(port)) return port;
  }
  for (let port = first; port < first + count; port++) if (isFree(port)) return port;
  return -1;
}

/** The next free one; the first is anywhere, because a NAT has been running for long when a call begins. */
function sequence(step: number, random: Random): PortAllocator {
  const first = random.between(FIRST_PORT, 65_535 - SEQUENCE_LENGTH * step);
  let next = 0;
  return {
    allocate(_host, _port, isFree) {
      for (let tried = 0; tried < SEQUENCE_LENGTH; tried++) {
        const port = first + step * next;
        next = (next + 1) % SEQUENCE_LENGTH;
        if (isFree(port)) return port;
      }
      return -1;
    },
  };
}

/** Each inside address has a block of its own. */
function blocks(size: number, random: Random): PortAllocator {
  const indexByHost = new Map<number, number>();
  return {
    allocate(host, _port, isFree) {
      const index = indexByHost.get(host) ?? indexByHost.size;
      indexByHost.set(host, index);
      const first = BLOCKS_FIRST + index * size;
      return first + size > 65_536 ? -1 : among(first, size, random, isFree);
    },
  };
}
