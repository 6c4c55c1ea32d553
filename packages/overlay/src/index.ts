/**
 * What a supernode decides: who is attached, where calls go, which datagrams are relayed to whom. Pure: time,
 * random bytes and HMAC come in, answers go out as values.
 */
export * from './access-rules.ts';
export * from './address-policy.ts';
export * from './admission/dial-back-secrets.ts';
export * from './admission/dial-back-verdict.ts';
export * from './attach/attach-gate.ts';
export * from './attach/attach-policy.ts';
export * from './attach/control-vigil.ts';
export * from './attach/known-supernode.ts';
export * from './attach/known-supernodes.ts';
export * from './attach/moves.ts';
export * from './attach/start-patience.ts';
export * from './attach-check.ts';
export * from './attachments.ts';
export * from './bind-cookie.ts';
export * from './control-context.ts';
export * from './control-limits.ts';
export * from './control-plane.ts';
export * from './control-session.ts';
export * from './flow-book.ts';
export * from './hop-neighbours.ts';
export * from './hop-way.ts';
export * from './index-limits.ts';
export * from './known-list.ts';
export * from './links/link-limits.ts';
export * from './links/link-proof.ts';
export type { JoinedMessage } from './links/link-session.ts';
export * from './links/links.ts';
export * from './links/measurement-questions.ts';
export * from './links/membership.ts';
export { NEIGHBOURS } from './links/neighbours.ts';
export * from './links/newer-lists.ts';
export * from './links/unknown-callers.ts';
export * from './listed-nodes.ts';
export * from './month-volume.ts';
export * from './prefix-limiter.ts';
export * from './presence.ts';
export * from './presence-index.ts';
export * from './relay-flows.ts';
export * from './relay-limits.ts';
export * from './relay-table.ts';
export * from './routes/rank-routes.ts';
export * from './routes/route-planner.ts';
export * from './stream-session.ts';
export * from './token-bucket.ts';
export * from './volunteer/volunteer-policy.ts';
