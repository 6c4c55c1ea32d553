/** Byte formats and message schemas: what travels between softphones and supernodes. One message per file. */
export * from './bind.ts';
export * from './bytes.ts';
export * from './check.ts';
export * from './control.ts';
export * from './datagram.ts';
export * from './dial-back.ts';
export * from './errors.ts';
export { MAX_CONTROL_CHARS } from './json-message.ts';
export * from './link.ts';
export * from './media-payload.ts';
export { CertificateChain, Endpoint, KeyId, MAX_HOPS, MeasuredLink } from './message-fields.ts';
export * from './opus-packet.ts';
export * from './plain-text.ts';
export * from './signal.ts';
export * from './text-message.ts';
