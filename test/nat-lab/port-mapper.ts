// Runs inside a NAT of the lab: maps ports as it is told on standard input, one JSON object per line:
//   {"protocol": "pcp", "insidePort": PORT, "outsidePort": PORT, "lifetimeS": SECONDS, "patienceMs": MS}
// and prints what the NAT says. Arguments: own address, inside address of the NAT.
import { createInterface } from 'node:readline';
import { CLIENTS } from '../../netns-scripts/src/port-mapping/clients.ts';
import type { MappingOrder } from './mapping-host.ts';

const [address = '', gateway = ''] = process.argv.slice(2);

for await (const line of createInterface({ input: process.stdin })) {
  const { protocol, patienceMs, ...wish } = JSON.parse(line) as MappingOrder;
  const answer = await CLIENTS[protocol]({ address, gateway }, wish, AbortSignal.timeout(patienceMs));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit();
