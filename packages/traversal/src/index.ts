/** Finding out where one is and how to reach others: STUN, addresses, the paths of a call. Pure: no sockets, no clock. */
export * from './agent/candidate.ts';
export type { CandidateMessage } from './agent/candidate-exchange.ts';
export type { LocalSocket } from './agent/direct-paths.ts';
export { Path, type PathKind, type SocketId } from './agent/path.ts';
export * from './agent/path-agent.ts';
export * from './agent/path-agent-types.ts';
export type { SwitchReason } from './agent/selection.ts';
export * from './binding-query.ts';
export * from './crc32.ts';
export * from './ip-address.ts';
export * from './nat-behaviour.ts';
export * from './nat64-address.ts';
export * from './stun-address.ts';
export * from './stun-message.ts';
export * from './stun-responder.ts';
