import Type from 'typebox';
import { type App, Jws, type RouteContext, refusals } from './context.ts';

const Answer = Type.Object({ certificate: Jws });

export function usersRoute(app: App, { registry, metrics }: RouteContext): void {
  app.post(
    '/v1/users',
    {
      schema: {
        summary: 'Register a username for an identity key, or renew its certificate (same name, same key)',
        body: Type.Object({ registration: Jws }),
        response: { 200: Answer, 201: Answer, ...refusals },
      },
    },
    async (request, reply) => {
      const { certificate, isNew } = await registry.register(request.body.registration);
      metrics.registrations.inc({ kind: isNew ? 'new' : 'renewed' });
      return reply.code(isNew ? 201 : 200).send({ certificate });
    },
  );
}
