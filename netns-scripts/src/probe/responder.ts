// Runs outside NATs: two public addresses, answers from where it is asked to (RFC 5780's CHANGE-REQUEST). Says
// "ready", and ends with its standard input. Arguments: the two addresses, and perhaps two IPv6 ones, which do the same.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type ProbeAnswer, type ProbeRequest, responderEndpoints } from './messages.ts';

async function respondAt(type: 'udp4' | 'udp6', addresses: readonly string[]): Promise<void> {
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
}

const [, , first, second, ...ipv6] = process.argv;
await respondAt('udp4', [first!, second!]);
if (ipv6.length > 0) await respondAt('udp6', ipv6);
process.stdout.write('ready\n');
process.stdin.resume().once('end', () => process.exit());
