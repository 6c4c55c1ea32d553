import type { NatSpec } from './spec.ts';

/**
 * Where sequential allocation starts, and how many mappings it makes before it starts again: so many that a series of calls
 * does not come to ports that are still taken. A large step ends sooner, at the last port there is.
 */
const SEQUENCE_FIRST = 40_000;
const SEQUENCE_LENGTH = 2048;
const LAST_PORT = 65_535;

const BLOCKS_FIRST = 10_000;

/** Tries to find a free port in a block by chance. */
const BLOCK_TRIES = 24;

/** Blocks of at most this size are then searched port by port; a larger one that is nearly full may refuse. */
const SEARCHED_BLOCK = 64;

export interface PortRules {
  /** Maps, sets and chains that the rules use. */
  declarations: string[];
  /** Give a new UDP mapping its port. */
  allocate: string[];
  /** Note, after translation, that the outside port in `udp sport` has an owner. */
  learn: string[];
}

/**
 * The rules of one kind of port allocation. No port is given to two inside endpoints, not even towards different
 * destinations (RFC 4787 REQ-3): those that have an owner stand in `taken`, which a rebind does not empty, so that
 * it gives new ports.
 * @param neighbours inside addresses, each with a block of its own if blocks are what this NAT gives
 */
export function portRules(nat: NatSpec, neighbours: readonly string[]): PortRules {
  const { ports = 'preserve', address } = nat;
  const random = `meta l4proto udp snat ip to ${address} random,fully-random`;
  const preserve = `meta l4proto udp snat ip to ${address}`;
  if (ports === 'random') return { declarations: [], allocate: [random], learn: [] };
  // A bare Linux router: two inside hosts may share a port, and what is occupied is evaded.
  if (nat.poisonable) return { declarations: [], allocate: [preserve], learn: [] };
  if (ports === 'preserve')
    return {
      declarations: [`set taken { type inet_service; ${learnedFlags(nat)} }`],
      allocate: [`udp sport @taken ${random}`, preserve],
      learn: [`${noteVerb(nat)} @taken { udp sport }`],
    };
  if (ports !== 'sequential' && 'block' in ports) return blocks(nat, ports.block, neighbours);
  return sequence(nat, ports === 'sequential' ? 1 : ports.sequential);
}

function sequence(nat: NatSpec, step: number): PortRules {
  const length = Math.min(SEQUENCE_LENGTH, Math.floor((LAST_PORT - SEQUENCE_FIRST) / step));
  const ports = Array.from({ length }, (_, index) => SEQUENCE_FIRST + index * step);
  return {
    ...chosenByMark(nat, ports),
    allocate: [`meta mark set numgen inc mod ${length} offset 1`, takeIfFree(nat), REFUSE],
  };
}

/** Every inside address has its own block; one that the scenario does not name shares the last. */
function blocks(nat: NatSpec, size: number, neighbours: readonly string[]): PortRules {
  const chainOf = (index: number) => {
    const first = 1 + index * size;
    const byChance = Array<string>(BLOCK_TRIES).fill(`numgen random mod ${size} offset ${first}`);
    const inOrder = Array.from({ length: size > SEARCHED_BLOCK ? 0 : size }, (_, nth) => `${first + nth}`);
    const tries = [...byChance, ...inOrder].flatMap((mark) => [`meta mark set ${mark}`, takeIfFree(nat)]);
    return `chain block_${index} { ${[...tries, REFUSE].join('; ')}; }`;
  };
  const spare = neighbours.length;
  const all = Array.from({ length: size * (spare + 1) }, (_, index) => BLOCKS_FIRST + index);
  const rules = chosenByMark(nat, all);
  const owners = neighbours.map((address, index) => `${address} : goto block_${index}`).join(', ');
  return {
    declarations: [...rules.declarations, ...[...neighbours.keys(), spare].map(chainOf)],
    learn: rules.learn,
    allocate: [
      ...(owners === '' ? [] : [`meta l4proto udp ip saddr vmap { ${owners} }`]),
      `meta l4proto udp goto block_${spare}`,
    ],
  };
}

/** nft calculates with packet marks, not with ports: the mark n stands for the nth port. */
function chosenByMark(nat: NatSpec, ports: readonly number[]): Omit<PortRules, 'allocate'> {
  const pairs = ports.map((port, index) => [index + 1, port]);
  return {
    declarations: [
      `map port_of_mark { type mark : inet_service; elements = { ${pairs.map(([mark, port]) => `${mark} : ${port}`).join(', ')} } }`,
      `map mark_of_port { type inet_service : mark; elements = { ${pairs.map(([mark, port]) => `${port} : ${mark}`).join(', ')} } }`,
      `set taken { type mark; ${learnedFlags(nat)} }`,
    ],
    learn: [`meta mark set udp sport map @mark_of_port ${noteVerb(nat)} @taken { meta mark }`],
  };
}

const takeIfFree = ({ address }: NatSpec): string =>
  `meta l4proto udp meta mark != @taken snat ip to ${address} : meta mark map @port_of_mark`;

const REFUSE = 'meta l4proto udp counter drop';

/**
 * How long the lab remembers what it learned. Idle entries are forgotten; those of a NAT with a fixed age keep
 * the time at which they were noted (`add`, not `update`).
 */
export const learnedFlags = (nat: NatSpec): string =>
  `flags dynamic,timeout; timeout ${mappingLifetimeS(nat)}s; size 65535;`;
export const noteVerb = ({ maxAgeS }: NatSpec): 'add' | 'update' =>
  maxAgeS === undefined ? 'update' : 'add';
/** Default: the least that RFC 4787 section 4.3 (REQ-5) allows. */
export const mappingLifetimeS = ({ lifetimeS = 120, maxAgeS }: NatSpec): number => maxAgeS ?? lifetimeS;
