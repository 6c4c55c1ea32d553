/** Finding out where one is and how to reach others: STUN and addresses. Pure: no sockets, no clock. */
export * from './crc32.ts';
export * from './ip-address.ts';
export * from './stun-address.ts';
export * from './stun-message.ts';
export * from './stun-responder.ts';
