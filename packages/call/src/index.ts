/**
 * A call, from invite to hang-up, as state machines without sockets or clocks: `Phone` decides the signalling
 * (who rings, who is busy, whose keys), `MediaSession` the packets of one leg and `RelayBinding` its way through
 * one relay. Life cycle: `handle...` and the verbs change state, `poll()` drains what to do, `deadline` says when
 * to call `handleTimeout`.
 */
export * from './call-types.ts';
export * from './default-routes.ts';
export type { HeardAudio } from './early-audio.ts';
export * from './in-call.ts';
export * from './lingering-routes.ts';
export * from './media-session.ts';
export * from './media-session-types.ts';
export * from './phone.ts';
export * from './reception-report.ts';
export * from './relay-binding.ts';
export * from './relay-probe.ts';
export * from './route-choice.ts';
export * from './route-opening.ts';
export * from './signal-ways.ts';
export * from './silent-call.ts';
