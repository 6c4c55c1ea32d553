import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { browse } from './chromium.test-support.ts';
import { STATUS_PAGE_POLICY, statusPage } from './status-page.ts';
import { syntheticNetwork } from './synthetic-network.test-support.ts';

/** Makes docs/status-page.png anew: `node apps/directory/src/status/take-screenshot.ts [SUPERNODES]`. The network in it is made up. */
const IMAGE = join(import.meta.dirname, '../../../../docs/status-page.png');
const NOW_MS = Date.UTC(2026, 10, 28, 12);

const { supernodes, reports } = syntheticNetwork(Number(process.argv[2] ?? 9), NOW_MS);
const server = createServer((request, answer) => {
  answer.setHeader('content-security-policy', STATUS_PAGE_POLICY);
  answer.setHeader('content-type', 'text/html; charset=utf-8');
  answer.end(
    request.url === '/' ? statusPage({ supernodes, reports, listVersion: NOW_MS, nowMs: NOW_MS }) : '',
  );
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
await browse(`http://127.0.0.1:${port}/`, [`--screenshot=${IMAGE}`, '--window-size=1000,1180']);
server.close();
process.stdout.write(`${IMAGE}\n`);
