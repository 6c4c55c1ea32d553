// Runs outside a NAT: two public addresses, answers from where it is asked to (RFC 5780's CHANGE-REQUEST). Says
// "ready", and ends with its standard input. Arguments: the two addresses.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
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
process.stdin.resume().once('end', () => process.exit());
