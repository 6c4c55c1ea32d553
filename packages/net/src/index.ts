/** The only package with sockets and timers: drivers for the pure parts. */
export * from './clock.ts';
export * from './control-client.ts';
export * from './control-server.ts';
export * from './directory-client.ts';
export * from './node-crypto.ts';
export * from './self-signed-certificate.ts';
export * from './udp-socket.ts';
