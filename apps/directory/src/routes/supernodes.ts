import Type from 'typebox';
import { type App, Jws, type RouteContext, refusals } from './context.ts';

/** The list is as long as it is: no upper limit here. */
const Answer = Type.Object({ list: Type.String() });

export function supernodesRoutes(app: App, { registry, publisher, metrics }: RouteContext): void {
  app.get(
    '/v1/supernodes',
    {
      schema: {
        summary: 'The signed supernode list; its version is the ETag',
        headers: Type.Object({ 'if-none-match': Type.Optional(Type.String({ maxLength: 256 })) }),
        response: { 200: Answer, 304: Type.Null(), ...refusals },
      },
    },
    async (request, reply) => {
      const { version, token } = await publisher.current();
      metrics.listVersion.set(version);
      const etag = `"${version}"`;
      reply.header('etag', etag).header('cache-control', 'no-cache');
      const known = (request.headers['if-none-match'] ?? '')
        .split(',')
        .map((tag) => tag.trim().replace('W/', ''));
      if (known.includes(etag) || known.includes('*')) return reply.code(304).send(null);
      return { list: token };
    },
  );

  app.post(
    '/v1/supernodes',
    {
      schema: {
        summary: 'Admit a supernode or change its entry; nothing happens when the entry is the same',
        body: Type.Object({ admission: Jws }),
        response: { 200: Answer, ...refusals },
      },
    },
    async (request) => ({ list: (await registry.admitSupernode(request.body.admission, request.ip)).token }),
  );

  app.post(
    '/v1/departures',
    {
      schema: {
        summary: 'A supernode leaves the list; it may come back',
        body: Type.Object({ departure: Jws }),
        response: { 200: Answer, ...refusals },
      },
    },
    async (request) => ({ list: (await registry.departSupernode(request.body.departure)).token }),
  );
}
