// Runs inside a node of the lab and does what it is told on standard input, one JSON object per line:
//   {"bind": PORT}                                     answered by {"bound": PORT}
//   {"send": TEXT, "port": PORT, "to": [ADDRESS, PORT], "ttl": HOPS}
// Argument: udp4 or udp6, the type of its sockets. Every datagram comes out as {"received": TEXT, "port": PORT, "from": [ADDRESS, PORT]}.
import { createSocket, type Socket } from 'node:dgram';
import { createInterface } from 'node:readline';
import type { AgentEvent, AgentOrder } from './agent.ts';

const socketByPort = new Map<number, Socket>();
const say = (event: AgentEvent) => process.stdout.write(`${JSON.stringify(event)}\n`);

function bind(port: number): void {
  const socket = createSocket({
    type: process.argv[2] as 'udp4' | 'udp6',
    ipv6Only: process.argv[2] === 'udp6',
  });
  socketByPort.set(port, socket);
  socket.on('error', (error) => say({ error: error.message }));
  socket.on('message', (data, from) => {
    say({ received: data.toString(), port, from: [from.address, from.port] });
  });
  socket.bind(port, () => say({ bound: port }));
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as AgentOrder;
  if ('bind' in order) {
    bind(order.bind);
    continue;
  }
  const socket = socketByPort.get(order.port)!;
  const [address, port] = order.to;
  socket.setTTL(order.ttl ?? 64);
  // One after the other: the packet leaves some turns after the call, and the next order may have another TTL.
  await new Promise<void>((sent) => {
    socket.send(order.send, port, address, (error) => {
      if (error) say({ error: error.message });
      sent();
    });
  });
}
process.exit();
