/** Handshake, keys and packet protection of a call. Pure: cryptography beyond Noise is passed in. */
export * from './crypto.ts';
export * from './invite.ts';
export * from './key-schedule.ts';
export * from './packets.ts';
export * from './prologue.ts';
export * from './replay-window.ts';
