import Type, { type Static } from 'typebox';
import { signedKind } from './signed.ts';
import { IdSchema, KeyIdSchema } from './statement-fields.ts';
import { SupernodeEntry } from './supernode-list.ts';

/**
 * Dial-back: before a supernode is listed, others try to reach each address of its entry. The directory chooses them (ticket),
 * the candidate asks each of them (request), and hands in what they saw (report).
 */

/** Signed by the directory, `aud` is its own key id: these supernodes are to try this entry. */
export const DialBackTicket = signedKind(
  'dial-back-ticket',
  Type.Object({ id: IdSchema, entry: SupernodeEntry, witnesses: Type.Array(KeyIdSchema, { maxItems: 8 }) }),
);

/**
 * Signed by the identity key of the entry, `aud` is the key id of the supernode that is asked. The entry is the ticket's, or
 * without one the entry in the supernode list. Whoever holds `secret` answers at the addresses.
 */
export const DialBackRequest = signedKind(
  'dial-back-request',
  Type.Object({ iss: KeyIdSchema, id: IdSchema, secret: KeyIdSchema }),
);

/**
 * `unreached`: no right answer came. `forbidden`: an address that this supernode sends nothing to. `no-family`: it has no
 * IPv6, or no IPv4, and cannot tell.
 */
export const DialBackOutcome = Type.Union([
  Type.Literal('reached'),
  Type.Literal('unreached'),
  Type.Literal('forbidden'),
  Type.Literal('no-family'),
]);
export type DialBackOutcome = Static<typeof DialBackOutcome>;

export const DialBackResult = Type.Object({
  transport: Type.Union([Type.Literal('udp'), Type.Literal('tcp')]),
  address: Type.String({ minLength: 3, maxLength: 64 }),
  outcome: DialBackOutcome,
});
export type DialBackResult = Static<typeof DialBackResult>;

/** Signed by the supernode that was asked, `aud` is the directory's key id: what came of it. */
export const DialBackReport = signedKind(
  'dial-back-report',
  Type.Object({
    iss: KeyIdSchema,
    subject: KeyIdSchema,
    /** Of the ticket; absent when there was none. */
    ticket: Type.Optional(IdSchema),
    results: Type.Array(DialBackResult, { maxItems: 16 }),
  }),
);

export const DIAL_BACK_TICKET_LIFETIME_S = 120;
export const DIAL_BACK_REQUEST_LIFETIME_S = 30;
export const DIAL_BACK_REPORT_LIFETIME_S = 300;
