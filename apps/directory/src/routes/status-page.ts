import { STATUS_PAGE_POLICY, statusPage } from '../status/status-page.ts';
import type { App, RouteContext } from './context.ts';

/** One page serves everybody for this long, ms: it reads the whole list. */
const KEPT_MS = 5000;

export function statusPageRoute(app: App, { store, publisher, reports, now }: RouteContext): void {
  let kept: { madeAtMs: number; html: Promise<string> } | null = null;
  const make = async (nowMs: number): Promise<string> => {
    const { version } = await publisher.current();
    const supernodes = (await store.supernodes()).filter(({ status }) => status === 'admitted');
    return statusPage({ supernodes, reports: reports.current(), listVersion: version, nowMs });
  };
  app.get('/', { schema: { hide: true } as object }, async (_request, reply) => {
    const nowMs = now();
    if (kept === null || Math.abs(nowMs - kept.madeAtMs) > KEPT_MS) {
      kept = { madeAtMs: nowMs, html: make(nowMs) };
    }
    const mine = kept;
    try {
      const html = await mine.html;
      reply.header('content-security-policy', STATUS_PAGE_POLICY).header('x-content-type-options', 'nosniff');
      return reply.type('text/html; charset=utf-8').send(html);
    } catch (error) {
      if (kept === mine) kept = null;
      throw error;
    }
  });
}
