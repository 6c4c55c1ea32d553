import { SupernodeEntry } from '@overcall/identity';
import Type from 'typebox';
import { type App, Jws, type RouteContext, refusals } from './context.ts';

/** The list is as long as it is: no upper limit here. */
const Answer = Type.Object({ list: Type.String() });
const Task = Type.Object({
  ticket: Jws,
  witnesses: Type.Array(SupernodeEntry),
  nonce: Type.String(),
});

export function supernodesRoutes(app: App, { registry, publisher, challenges, metrics }: RouteContext): void {
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
        summary:
          'Admit a supernode or change its entry; nothing happens when the entry is the same. 202: have the witnesses reach you, come again with their reports',
        body: Type.Object({
          admission: Jws,
          ticket: Type.Optional(Jws),
          reports: Type.Optional(Type.Array(Jws, { maxItems: 8 })),
        }),
        response: { 200: Answer, 202: Task, ...refusals },
      },
    },
    async (request, reply) => {
      const { admission, ticket, reports = [] } = request.body;
      const evidence = ticket === undefined ? null : { ticket, reports };
      const outcome = await registry.admitSupernode({ admission, evidence }, request.ip);
      if ('list' in outcome) return { list: outcome.list.token };
      return reply.code(202).send({ ...outcome.task, nonce: challenges.issue() });
    },
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
