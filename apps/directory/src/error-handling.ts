import type { Socket } from 'node:net';
import { OvercallError } from '@overcall/wire';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type ApiErrorCode, ERROR_STATUS, isApiErrorCode } from './api-error.ts';
import type { Metrics } from './metrics.ts';
import { RateLimitedError } from './request-limiter.ts';
import type { App } from './routes/context.ts';

/** The one form of a refusal: `{ code, message }`, whatever went wrong and wherever. */
export function handleErrors(app: App, metrics: Metrics): void {
  app.setErrorHandler((error: FastifyError | OvercallError, request, reply) => {
    const { code, message } = asApiError(error);
    if (code === 'internal-error') request.log.error({ err: error }, 'request failed');
    if (error instanceof RateLimitedError) reply.header('retry-after', error.retryAfterS);
    return refuse(reply, metrics, code, message);
  });
  const notFound = (request: FastifyRequest, reply: FastifyReply) => {
    const path = request.url.split('?', 1)[0]!.slice(0, 80);
    return refuse(reply, metrics, 'not-found', `no ${request.method} ${JSON.stringify(path)} here`);
  };
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, notFound);
}

function refuse(reply: FastifyReply, metrics: Metrics, code: ApiErrorCode, message: string) {
  metrics.refusals.inc({ code });
  return reply.code(ERROR_STATUS[code]).type('application/json; charset=utf-8').send({ code, message });
}

function asApiError(error: FastifyError | OvercallError): { code: ApiErrorCode; message: string } {
  if (error instanceof OvercallError && isApiErrorCode(error.code)) {
    return { code: error.code, message: error.message };
  }
  const status = (error as FastifyError).statusCode ?? 500;
  if (status === 413) return { code: 'request-too-large', message: 'the request is too large' };
  if (status === 415) return { code: 'media-type-unsupported', message: 'send application/json' };
  if (status >= 400 && status < 500) return { code: 'request-malformed', message: error.message };
  return { code: 'internal-error', message: 'something went wrong in the directory; its log has more' };
}

/** Bytes that are not HTTP: one answer in the same form, then the end. */
export function handleClientError(metrics: Metrics): (error: Error, socket: Socket) => void {
  return (_error, socket) => {
    metrics.refusals.inc({ code: 'request-malformed' });
    if (!socket.writable || socket.destroyed) return;
    const body = JSON.stringify({ code: 'request-malformed', message: 'this is not HTTP' });
    const head = 'HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n';
    socket.end(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  };
}
