import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import Type from 'typebox';
import type { ChallengeBook } from '../challenges.ts';
import type { ListPublisher } from '../list-publisher.ts';
import type { Metrics } from '../metrics.ts';
import type { Registry } from '../registry.ts';
import type { StatementSigner } from '../statement.ts';
import type { ReportDesk } from '../status/report-desk.ts';
import type { Store } from '../store.ts';

/** What the routes are given. */
export interface RouteContext {
  registry: Registry;
  challenges: ChallengeBook;
  publisher: ListPublisher;
  statement: StatementSigner;
  store: Store;
  metrics: Metrics;
  reports: ReportDesk;
  /** Tells other processes of this directory about a report that was taken. */
  tellReport: (report: string) => void;
  /** Milliseconds since 1970. */
  now: () => number;
}

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export const jwsOf = (maxLength: number) =>
  Type.String({ pattern: '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$', maxLength });
export const Jws = jwsOf(16_384);
const ApiError = Type.Object(
  { code: Type.String(), message: Type.String() },
  { description: 'Refused; the codes are in docs/directory.md' },
);
/** For every answer that is a refusal. */
export const refusals = { '4xx': ApiError, '5xx': ApiError };
