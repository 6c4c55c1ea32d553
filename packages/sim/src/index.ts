/**
 * A network on a virtual clock: hosts, NATs, firewalls and links, repeated exactly by a seed; what it allows (the
 * oracle); and random ones to try path agents on. See docs/simulation.md.
 */
export { buildNetwork, type Network } from './build.ts';
export { FATES, type Fate } from './datagram.ts';
export { SimError, type SimErrorCode } from './errors.ts';
export { EventQueue } from './event-queue.ts';
export { Host, type SendOptions, type Socket } from './host.ts';
export { LossModel } from './loss-model.ts';
export { Nat } from './nat.ts';
export { SMALL_BLOCK } from './nat-chain.ts';
export { bestPath, type HostNetwork, networkOf, type Path } from './oracle.ts';
export { Random } from './random.ts';
export { randomNatKind, randomPair } from './random-network.ts';
export type * from './scenario.ts';
export { type PairRun, type PairsSummary, tryPairs } from './try-pairs.ts';
export { type Counters, type TraceLine, World } from './world.ts';
