import Type from 'typebox';
import { type App, type RouteContext, refusals } from './context.ts';

export function challengesRoute(app: App, { challenges }: RouteContext): void {
  app.post(
    '/v1/challenges',
    {
      schema: {
        summary: 'A nonce for one signed request; good for five minutes, once',
        response: { 200: Type.Object({ nonce: Type.String() }), ...refusals },
      },
    },
    async () => ({ nonce: challenges.issue() }),
  );
}
