import Type from 'typebox';
import { refusal } from '../api-error.ts';
import { type App, type RouteContext, refusals } from './context.ts';

const State = Type.Object({ status: Type.String() });
/** For monitoring, which must see in when everybody else is told to wait. */
const config = { rateLimit: false } as const;

export function operationsRoutes(app: App, { store, publisher, metrics }: RouteContext): void {
  const healthz = { config, schema: { summary: 'The process answers', response: { 200: State } } };
  app.get('/healthz', healthz, async () => ({ status: 'ok' }));

  const readyz = {
    config,
    schema: { summary: 'It can read its store and sign', response: { 200: State, ...refusals } },
  };
  // Monitoring asks every few seconds for as long as an outage lasts: the log has its begin and its end.
  let wasReady = true;
  app.get('/readyz', readyz, async (request) => {
    try {
      await store.ping();
      await publisher.current();
    } catch (error) {
      if (wasReady) request.log.error({ reason: (error as Error).message }, 'not ready');
      wasReady = false;
      throw refusal('overloaded', 'the store cannot be used');
    }
    if (!wasReady) request.log.warn('ready again');
    wasReady = true;
    return { status: 'ready' };
  });

  app.get('/metrics', { config, schema: { hide: true } as object }, async (_request, reply) => {
    reply.header('content-type', metrics.registry.contentType);
    return metrics.registry.metrics();
  });
}
