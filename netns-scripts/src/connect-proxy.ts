// A small HTTP CONNECT proxy (RFC 9110 section 9.3.6): node connect-proxy.ts PORT. Says "ready", ends with its
// standard input. Only TCP tunnels, to any port: what it may reach is for the network to say.
import { createServer, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';

const server = createServer((_request, response: ServerResponse) => {
  response.writeHead(405, { allow: 'CONNECT' }).end('only CONNECT\n');
});
server.on('connect', (request, client: Socket, head: Buffer) => {
  const [, host = '', port = ''] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(request.url ?? '') ?? [];
  client.on('error', () => {});
  if (host === '') {
    client.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    return;
  }
  const target = connect({ host, port: Number(port), noDelay: true });
  let open = false;
  target.once('connect', () => {
    open = true;
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    target.write(head);
    client.pipe(target).pipe(client);
  });
  target.on('error', () => {
    if (open) client.destroy();
    else client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  client.once('close', () => target.destroy());
});
// Over IPv6 too, where there is any.
server.listen(Number(process.argv[2]), () => process.stdout.write('ready\n'));
process.stdin.resume().once('end', () => process.exit());
