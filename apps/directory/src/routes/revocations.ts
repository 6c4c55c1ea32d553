import Type from 'typebox';
import { type App, Jws, type RouteContext, refusals } from './context.ts';

const Answer = Type.Object({ version: Type.Integer(), list: Type.String() });

export function revocationsRoute(app: App, { registry }: RouteContext): void {
  app.post(
    '/v1/revocations',
    {
      schema: {
        summary: 'Revoke a device; answers with the supernode list that says so',
        body: Type.Object({ revocation: Jws }),
        response: { 200: Answer, ...refusals },
      },
    },
    async (request) => {
      const { version, token } = await registry.revokeDevice(request.body.revocation, request.ip);
      return { version, list: token };
    },
  );
}
