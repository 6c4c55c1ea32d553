import { MAX_REPORT_CHARACTERS } from '@overcall/identity';
import Type from 'typebox';
import { type App, jwsOf, type RouteContext, refusals } from './context.ts';

export function reportsRoute(app: App, { reports, tellReport }: RouteContext): void {
  app.post(
    '/v1/reports',
    {
      schema: {
        summary: 'A supernode says how it is, for the status page; `nextS` is when it should again',
        body: Type.Object({ report: jwsOf(MAX_REPORT_CHARACTERS) }),
        response: { 200: Type.Object({ nextS: Type.Integer() }), ...refusals },
      },
    },
    async (request) => {
      const { report } = request.body;
      const answer = await reports.take(report);
      tellReport(report);
      return answer;
    },
  );
}
