/** The only package with sockets and timers: drivers for the pure parts. */
export * from './directory-client.ts';
export * from './node-crypto.ts';
