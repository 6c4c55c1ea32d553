/**
 * A network on a virtual clock: hosts, NATs, firewalls and links, repeated exactly by a seed; what it allows (the
 * oracle); and random ones to try path agents on. See docs/simulation.md.
 */
export { buildNetwork } from './build.ts';
export { EventQueue } from './event-queue.ts';
export { LossModel } from './loss-model.ts';
export { bestPath, networkOf } from './oracle.ts';
export { Random } from './random.ts';
export type * from './scenario.ts';
export { type PairRun, type PairsSummary, tryPairs } from './try-pairs.ts';
export { World } from './world.ts';
