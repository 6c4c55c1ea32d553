// Runs outside a NAT: two public addresses, answers from where it is asked to (RFC 5780's CHANGE-REQUEST). Says
// "ready", sends what standard input tells it to strangers, and ends with that. Arguments: the two addresses.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Knock } from '../port-mapping/messages.ts';
import { type ProbeAnswer, type ProbeRequest, responderEndpoints } from './messages.ts';

const endpoints = responderEndpoints(process.argv.slice(2));
const sockets = endpoints.map(() => createSocket('udp4'));
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
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { text, from, to } = JSON.parse(line) as Knock;
  sockets[from]!.send(text, to[1], to[0]);
}
process.exit();
