// Whether this machine can play links: makes the socket that shaper-main.ts would read from, and ends. See abilities.ts.
import { PacketSocket } from './packet-socket.ts';

try {
  new PacketSocket('/proc/self/ns/net', 0);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
