import type { AddressInfo } from 'node:net';
import { formatAddressPort } from '@overcall/traversal';
import fastify from 'fastify';
import { Value } from 'typebox/value';
import { listenAddress } from './listen-addresses.ts';
import { renderMetrics } from './metrics.ts';
import { OperatorRules } from './operator-rules.ts';
import type { Supernode } from './options.ts';

/** A header that no web page can send here without asking first, so that only an operator changes anything. */
export const OPERATOR_HEADER = 'x-overcall-drain';
/** Some ten thousand rules. */
const MAX_RULES_BYTES = 1024 * 1024;

/** The operator's HTTP server: health, readiness, metrics, status, drain, other rules. */
export async function startAdmin(
  listen: string,
  supernode: Pick<Supernode, 'status' | 'drain' | 'changeRules'>,
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
    if (request.headers[OPERATOR_HEADER] !== '1') return reply.code(403).send({ status: 'refused' });
    supernode.drain();
    return { status: 'draining' };
  });
  app.post('/rules', { bodyLimit: MAX_RULES_BYTES }, async ({ headers, body }, reply) => {
    if (headers[OPERATOR_HEADER] !== '1') return reply.code(403).send({ status: 'refused' });
    if (!Value.Check(OperatorRules, body)) return reply.code(400).send({ status: 'malformed' });
    return { detached: supernode.changeRules(body) };
  });
  await app.listen({ host: address, port });
  const bound = app.server.address() as AddressInfo;
  return { address: formatAddressPort(bound), close: () => app.close() };
}
