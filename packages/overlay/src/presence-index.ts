import { sha256 } from '@noble/hashes/sha2.js';
import type { IndexEpoch } from '@overcall/identity';
import { fromBase64Url } from '@overcall/wire';
import { networkPrefix } from './address-policy.ts';
import type { ListedNode } from './listed-nodes.ts';

/**
 * Which supernodes keep the presence records of a name: rendezvous hashing over the signed list. Everybody who has the list
 * finds the same ones, and one supernode more or less moves only the names that it gets or had.
 */

/** Copies of each record. */
export const INDEX_COPIES = 3;
/** How many of the highest are looked at, before all are put in order. */
const SHORTLIST = 16;
/**
 * Spreads names where the list has no epochs (an old directory). It is no secret, so that there a supernode can choose a key
 * that makes it a keeper of a name: it can hide a user then, and nothing more.
 */
const KNOWN_SEED = new TextEncoder().encode('overcall presence index without epochs');

/** The first 64 bits of a SHA-256. */
type Words = readonly [number, number];

/** A supernode that takes part. */
class Seat {
  readonly node: ListedNode;
  readonly words: Words;
  #prefixes: readonly string[] | null = null;

  constructor(node: ListedNode, words: Words) {
    this.node = node;
    this.words = words;
  }

  /** Only those of the few that come first for a name are ever needed: of ten thousand at once they take half a second. */
  get prefixes(): readonly string[] {
    this.#prefixes ??= prefixesOf(this.node);
    return this.#prefixes;
  }
}

/** One epoch: the supernodes that were admitted before its seed was made, ready to be asked about names. */
export class IndexRing {
  readonly #seed: Uint8Array;
  readonly #seedText: string;
  readonly #wordsById = new Map<string, Words>();
  readonly #seats: readonly Seat[];

  /**
   * @param epoch null where the list has none: then all supernodes take part
   * @param before rings of the list before: most supernodes were in it, and need not be hashed again
   */
  constructor(nodes: readonly ListedNode[], epoch: IndexEpoch | null, before: readonly IndexRing[] = []) {
    this.#seed = epoch === null ? KNOWN_SEED : fromBase64Url(epoch.seed)!;
    this.#seedText = epoch?.seed ?? '';
    const same = before.find((ring) => ring.#seedText === this.#seedText);
    const known = same === undefined ? null : same.#wordsById;
    this.#seats = nodes
      .filter((node) => epoch === null || (node.since ?? Number.POSITIVE_INFINITY) <= epoch.closedAtMs)
      .map((node) => {
        const words = known?.get(node.id) ?? this.#words(node.id);
        this.#wordsById.set(node.id, words);
        return new Seat(node, words);
      });
  }

  get size(): number {
    return this.#seats.length;
  }

  get ids(): string[] {
    return this.#seats.map(({ node }) => node.id);
  }

  /**
   * Key ids of the supernodes that keep a name, best first: alive ones with no address prefix in common; where there are not
   * enough of these, others that are alive.
   */
  nodesFor(name: string, isAlive: (id: string) => boolean = () => true): string[] {
    const words = this.#words(name);
    const first = choose(highest(this.#seats, words, SHORTLIST), isAlive);
    // Nearly always there are three good ones among so many.
    const all = this.#seats.length <= SHORTLIST || first.distinct >= INDEX_COPIES;
    const { seats } = all ? first : choose(highest(this.#seats, words, this.#seats.length), isAlive);
    return seats.map(({ node }) => node.id);
  }

  /** Whether names have the same keepers in both. */
  isSameAs(other: IndexRing | undefined): boolean {
    if (other?.size !== this.size || other.#seedText !== this.#seedText) return false;
    return this.#seats.every(({ node }) => other.#wordsById.has(node.id));
  }

  #words(text: string): Words {
    const bytes = new TextEncoder().encode(text);
    const seeded = new Uint8Array(this.#seed.length + bytes.length);
    seeded.set(this.#seed);
    seeded.set(bytes, this.#seed.length);
    const digest = sha256(seeded);
    const view = new DataView(digest.buffer, digest.byteOffset);
    return [view.getUint32(0), view.getUint32(4)];
  }
}

/** The rings of a list, newest epoch first: names are written to the first one and read from all. */
export function indexRings(
  nodes: readonly ListedNode[],
  epochs: readonly IndexEpoch[],
  before: readonly IndexRing[] = [],
): IndexRing[] {
  const rings = [...epochs]
    .sort((a, b) => b.closedAtMs - a.closedAtMs)
    .map((epoch) => new IndexRing(nodes, epoch, before))
    .filter(({ size }) => size > 0);
  return rings.length > 0 ? rings : [new IndexRing(nodes, null, before)];
}

/** The `count` seats with the highest weight for a name, in order. */
function highest(seats: readonly Seat[], name: Words, count: number): Seat[] {
  if (count >= seats.length) {
    const weights = new Map(seats.map((seat) => [seat, mix(name, seat.words)]));
    return [...seats].sort((a, b) => weights.get(b)! - weights.get(a)!);
  }
  const best: Seat[] = [];
  const weights: number[] = [];
  for (const seat of seats) {
    const weight = mix(name, seat.words);
    if (best.length === count && weight <= weights[count - 1]!) continue;
    let at = best.length;
    while (at > 0 && weights[at - 1]! < weight) at--;
    best.splice(at, 0, seat);
    weights.splice(at, 0, weight);
    best.length = weights.length = Math.min(best.length, count);
  }
  return best;
}

/** Alive ones with no prefix in common; then others that are alive. */
function choose(
  ranked: readonly Seat[],
  isAlive: (id: string) => boolean,
): { seats: Seat[]; distinct: number } {
  const prefixes = new Set<string>();
  const chosen: Seat[] = [];
  const spare: Seat[] = [];
  for (const seat of ranked) {
    if (chosen.length === INDEX_COPIES) break;
    if (!isAlive(seat.node.id)) continue;
    const isNear = seat.prefixes.some((prefix) => prefixes.has(prefix));
    (isNear ? spare : chosen).push(seat);
    for (const prefix of isNear ? [] : seat.prefixes) prefixes.add(prefix);
  }
  const distinct = chosen.length;
  return { seats: [...chosen, ...spare].slice(0, INDEX_COPIES), distinct };
}

/**
 * Weight of a supernode for a name, from the SHA-256 of both: hashing each pair would take some 50 ms for 5,000 supernodes
 * (this takes 0.1).
 * Both digests depend on a seed that nobody knew when keys were made, so that mixing them need resist nobody.
 */
function mix(a: Words, b: Words): number {
  const high = finalize(a[0] ^ b[0]);
  return high * 0x200000 + (finalize(high ^ a[1] ^ b[1]) >>> 11);
}

/** The finalizer of MurmurHash3 (32 bits): each bit that comes in changes half of those that come out. */
function finalize(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function prefixesOf({ udp }: ListedNode): string[] {
  return [...new Set(udp.map(({ address }) => networkPrefix(address)))];
}
