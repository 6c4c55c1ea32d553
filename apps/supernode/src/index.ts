/** A supernode in this process, for tests and for `--serve` of a softphone. */
export type { SignalMessage, Supernode, SupernodeOptions, SupernodeStatus, Taps } from './options.ts';
export { startSupernode } from './supernode.ts';
