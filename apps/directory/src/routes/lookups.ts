import { SigningPublicKey } from '@overcall/identity';
import Type from 'typebox';
import { type App, Jws, type RouteContext, refusals } from './context.ts';

const Answer = Type.Object({ name: Type.String(), identityKey: SigningPublicKey, certificate: Jws });

export function lookupsRoute(app: App, { registry }: RouteContext): void {
  app.post(
    '/v1/lookups',
    {
      schema: {
        summary: 'Certificate of a user, for a device that is attached to a supernode of this directory',
        body: Type.Object({
          lookup: Jws,
          chain: Type.Object({ user: Jws, device: Jws }),
          receipt: Jws,
        }),
        response: { 200: Answer, ...refusals },
      },
    },
    (request) => registry.lookUp(request.body),
  );
}
