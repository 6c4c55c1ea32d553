// Runs outside NATs: two public addresses, answers from where it is asked to (RFC 5780's CHANGE-REQUEST). Says
// "ready", sends what standard input tells it to strangers, and ends with that. Arguments: the two addresses, and
// perhaps two IPv6 ones, which answer as well.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Knock } from '../port-mapping/messages.ts';
import { type ProbeAnswer, type ProbeRequest, responderEndpoints } from './messages.ts';

async function respondAt(type: 'udp4' | 'udp6', addresses: readonly string[]): Promise<Socket[]> {
  const endpoints = responderEndpoints(addresses);
  const sockets = endpoints.map(() => createSocket(type));
  for (const socket of sockets)
    socket.on('message', (data, { address, port }) => {
      const { id, answerFrom } = JSON.parse(data.toString()) as ProbeRequest;
      for (const from of answerFrom) {
        const answer: ProbeAnswer = { id, from, seenAs: [address, port] };
        sockets[from]!.send(JSON.stringify(answer), port, address);
      }
    });
  await Promise.all(
    sockets.map((socket, index) => {
      const [address, port] = endpoints[index]!;
      socket.bind(port, address);
      return once(socket, 'listening');
    }),
  );
  return sockets;
}

const [, , first, second, ...ipv6] = process.argv;
const sockets = await respondAt('udp4', [first!, second!]);
if (ipv6.length > 0) await respondAt('udp6', ipv6);
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { text, from, to } = JSON.parse(line) as Knock;
  sockets[from]!.send(text, to[1], to[0]);
}
process.exit();
