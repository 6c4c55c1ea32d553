/** The only package with sockets and timers: drivers for the pure parts. */
export * from './control-client.ts';
export * from './directory-client.ts';
export * from './node-crypto.ts';
