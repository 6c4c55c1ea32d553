// Runs outside a NAT: two public addresses, answers from where it is asked to (RFC 5780's CHANGE-REQUEST). Says
// "ready", and ends with its standard input.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type ProbeAnswer, type ProbeRequest, RESPONDER_ENDPOINTS } from './messages.ts';

const sockets = RESPONDER_ENDPOINTS.map(() => createSocket('udp4'));
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
    const [address, port] = RESPONDER_ENDPOINTS[index]!;
    socket.bind(port, address);
    return once(socket, 'listening');
  }),
);
process.stdout.write('ready\n');
process.stdin.resume().once('end', () => process.exit());
