import { SigningPublicKey } from '@overcall/identity';
import Type from 'typebox';
import { type App, Jws, type RouteContext, refusals } from './context.ts';

const Answer = Type.Object({ statement: Jws, key: SigningPublicKey, keyId: Type.String() });

export function directoryRoute(app: App, { statement }: RouteContext): void {
  app.get(
    '/v1/directory',
    {
      schema: {
        summary: 'The directory about itself: its key, and the TLS certificate it vouches for',
        response: { 200: Answer, ...refusals },
      },
    },
    () => statement.current(),
  );
}
