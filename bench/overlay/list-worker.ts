import { createServer } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

/** A directory that gives out one list, and otherwise hangs up: whoever asks for more takes it for dead. */
const body = JSON.stringify({ list: (workerData as { list: string }).list });
const server = createServer((request, response) => {
  if (request.url !== '/v1/supernodes') return request.socket.destroy();
  response.writeHead(200, { 'content-type': 'application/json' }).end(body);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  parentPort!.postMessage(typeof address === 'object' ? address?.port : null);
});
