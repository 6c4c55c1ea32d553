import Type, { type Static } from 'typebox';
import { signedKind } from './signed.ts';
import { KeyIdSchema } from './statement-fields.ts';

/**
 * What a supernode tells the directory about itself, for a page that everybody may read. So coarse that it tells on nobody:
 * calls in tens, load in quarters, nothing of users. docs/operations.md has the reasons.
 */

/** Counts of calls are multiples of this, rounded down: with fewer there are none to be seen. */
export const CALLS_STEP = 10;
/** Load is told in so many steps, rounded down. */
export const LOAD_STEPS = 4;
/** Links that one report tells of. */
export const MAX_REPORTED_LINKS = 16;
/** A report as it is sent has at most so many characters; the fullest one has 1,900. */
export const MAX_REPORT_CHARACTERS = 4096;
export const STATUS_REPORT_LIFETIME_S = 120;

const Calls = Type.Integer({ minimum: 0, maximum: 1_000_000, multipleOf: CALLS_STEP });

export const ReportedCalls = Type.Object({
  /** Over this supernode alone, both parties by UDP. */
  relayUdp: Calls,
  /** Over this supernode alone, a party of them by TCP. */
  relayTcp: Calls,
  /** Over several supernodes; the end with the lower key id counts it. */
  overlay: Calls,
});
export type ReportedCalls = Static<typeof ReportedCalls>;

export const ReportedLink = Type.Object({
  to: KeyIdSchema,
  rttMs: Type.Integer({ minimum: 0, maximum: 60_000 }),
  lossPct: Type.Integer({ minimum: 0, maximum: 100 }),
});
export type ReportedLink = Static<typeof ReportedLink>;

/** Signed by the identity key of a listed supernode; `aud` is the directory's key id. */
export const StatusReport = signedKind(
  'status-report',
  Type.Object({
    iss: KeyIdSchema,
    /** Grows with each report of a supernode: ms since 1970 at the least. */
    number: Type.Integer({ minimum: 1 }),
    draining: Type.Boolean(),
    /** Quarters of what it can carry; null where a quarter would be too few calls to tell. */
    load: Type.Union([Type.Integer({ minimum: 0, maximum: LOAD_STEPS }), Type.Null()]),
    calls: ReportedCalls,
    links: Type.Array(ReportedLink, { maxItems: MAX_REPORTED_LINKS }),
  }),
);
export type StatusReport = Static<typeof StatusReport.claims>;
