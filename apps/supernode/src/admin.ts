import type { AddressInfo } from 'node:net';
import { formatAddressPort } from '@overcall/traversal';
import fastify from 'fastify';
import { listenAddress } from './listen-addresses.ts';
import { renderMetrics } from './metrics.ts';
import type { Supernode } from './options.ts';

/** A header that no web page can send here without asking first, so that only an operator drains. */
export const DRAIN_HEADER = 'x-overcall-drain';

/** The operator's HTTP server: health, readiness, metrics, status, drain. */
export async function startAdmin(
  listen: string,
  supernode: Pick<Supernode, 'status' | 'drain'>,
): Promise<{ address: string; close: () => Promise<void> }> {
  const { address, port } = listenAddress(listen, '--admin');
  const app = fastify({ logger: false, bodyLimit: 1024, forceCloseConnections: true });
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const { notReady: reason } = supernode.status();
    return reason === null ? { status: 'ready' } : reply.code(503).send({ status: 'not-ready', reason });
  });
  app.get('/status', async () => supernode.status());
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await renderMetrics(supernode.status());
    return reply.type(contentType).send(text);
  });
  app.post('/drain', async (request, reply) => {
    if (request.headers[DRAIN_HEADER] !== '1') return reply.code(403).send({ status: 'refused' });
    supernode.drain();
    return { status: 'draining' };
  });
  await app.listen({ host: address, port });
  const bound = app.server.address() as AddressInfo;
  return { address: formatAddressPort(bound), close: () => app.close() };
}
