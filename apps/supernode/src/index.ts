/** A supernode in this process, for tests and for `--serve` of a softphone. */
export type { Supernode, SupernodeOptions, SupernodeStatus, Taps } from './options.ts';
export type { HostReport } from './self-test/host-capacity.ts';
export { refusalOf } from './self-test/host-checks.ts';
export { testHost } from './self-test/host-facts.ts';
export { startSupernode } from './supernode.ts';
