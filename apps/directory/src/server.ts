import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import fastify, {
  type FastifyHttpsOptions,
  type FastifyReply,
  type FastifyServerOptions,
  LogController,
} from 'fastify';
import type { Logger } from 'pino';
import { handleClientError, handleErrors } from './error-handling.ts';
import { RateLimitedError } from './request-limiter.ts';
import { challengesRoute } from './routes/challenges.ts';
import type { App, RouteContext } from './routes/context.ts';
import { directoryRoute } from './routes/directory.ts';
import { lookupsRoute } from './routes/lookups.ts';
import { operationsRoutes } from './routes/operations.ts';
import { reportsRoute } from './routes/reports.ts';
import { revocationsRoute } from './routes/revocations.ts';
import { statusPageRoute } from './routes/status-page.ts';
import { supernodesRoutes } from './routes/supernodes.ts';
import { usersRoute } from './routes/users.ts';
import { VERSION } from './version.ts';

/** A lookup with its chain and receipt takes about 4 KB. */
const MAX_BODY_BYTES = 32_768;
/** Whoever takes longer to send a request holds a connection for nothing. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Addresses (IPv6: /64 networks) that are counted; the longest unseen one is forgotten first. */
const MAX_COUNTED_ADDRESSES = 50_000;

export interface ServerOptions {
  context: RouteContext;
  logger: Logger;
  /** Requests a minute of one address, which may depend on the address. */
  requestsPerMinute: (address: string) => number;
  /** Proxies whose X-Forwarded-For is believed: addresses or CIDR ranges. */
  trustProxy: string[];
  tls: { cert: string; key: string } | null;
}

/** Of Fastify itself, but for requests. It would say once more, for each address, where it listens, and no more below a warning. */
const ownLogger = (logger: Logger): Logger =>
  logger.child({}, logger.isLevelEnabled('warn') ? { level: 'warn' } : {});

/** The HTTP side: everything that stands between a socket and the registry. */
export async function buildServer(options: ServerOptions): Promise<App> {
  const { context } = options;
  const app = fastify({
    loggerInstance: ownLogger(options.logger),
    childLoggerFactory: (_own, bindings, settings) => options.logger.child(bindings, settings),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    trustProxy: options.trustProxy.length > 0 ? options.trustProxy : false,
    clientErrorHandler: handleClientError(context.metrics),
    frameworkErrors: answerMalformed,
    ...(options.tls ? { https: { ...options.tls, minVersion: 'TLSv1.3' } } : {}),
  } as FastifyServerOptions &
    FastifyHttpsOptions<never>).withTypeProvider<TypeBoxTypeProvider>() as unknown as App;
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(TypeBoxValidatorCompiler);
  await app.register(rateLimit, {
    cache: MAX_COUNTED_ADDRESSES,
    timeWindow: 60_000,
    max: (request) => options.requestsPerMinute(request.ip),
    errorResponseBuilder: (_request, { ttl }) => {
      const seconds = Math.max(1, Math.ceil(ttl / 1000));
      const message = `too many requests from your address; try again in ${seconds} s`;
      return new RateLimitedError(message, seconds);
    },
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Overcall directory', version: VERSION, license: { name: 'MIT' } },
    },
  });
  handleErrors(app, context.metrics);
  measureRequests(app, context);
  directoryRoute(app, context);
  challengesRoute(app, context);
  usersRoute(app, context);
  lookupsRoute(app, context);
  revocationsRoute(app, context);
  supernodesRoutes(app, context);
  reportsRoute(app, context);
  operationsRoutes(app, context);
  statusPageRoute(app, context);
  app.get('/openapi.json', { schema: { hide: true } as object }, async () => app.swagger());
  await app.ready();
  return app;
}

/** Addresses of users are for the debug log only. */
function measureRequests(app: App, { metrics }: RouteContext): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.requestSeconds.observe({ route, status: String(reply.statusCode) }, reply.elapsedTime / 1000);
    const { method, ip } = request;
    const durationMs = Math.round(reply.elapsedTime);
    request.log.debug({ method, route, status: reply.statusCode, durationMs, ip }, 'answered');
  });
}

/** Before routing there is no schema yet: a URL that cannot be decoded. */
function answerMalformed(_error: Error, _request: unknown, reply: FastifyReply): void {
  reply.code(400).send({ code: 'request-malformed', message: 'the request line is malformed' });
}
