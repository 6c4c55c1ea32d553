/** The only package with sockets, timers and key files: drivers for the pure parts. */
export * from './address-prefix.ts';
export * from './clock.ts';
export * from './control-client.ts';
export * from './control-server.ts';
export * from './directory-client.ts';
export * from './ipv4-socket.ts';
export * from './local-addresses.ts';
export * from './nat64.ts';
export * from './node-crypto.ts';
export * from './private-file.ts';
export * from './self-signed-certificate.ts';
export * from './signing-key-file.ts';
export * from './supernode-list-client.ts';
export * from './udp-socket.ts';
