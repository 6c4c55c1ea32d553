/** The scenario format: definition, checks, and what follows from them on paper. */
export { gatewayOf, lastAddressOf, PROBE_NETWORK, probeAddresses } from './spec/addresses.ts';
export {
  gateway6Of,
  lastAddress6Of,
  NAT64_PREFIX,
  PROBE_NETWORK_6,
  probeAddresses6,
  throughNat64,
} from './spec/addresses6.ts';
export { applyToSpec, natNamed } from './spec/apply.ts';
export { type CallSpec, supernodesOf } from './spec/call.ts';
export { checkSpec, INTERNET, networkProblems, problemsOf } from './spec/check.ts';
export { checkEvent, eventFromWords } from './spec/event-words.ts';
export type { EventOf, LabEvent, TimedEvent } from './spec/events.ts';
export type { DropSpec, FirewallSpec, HostSpec, NatSpec } from './spec/nodes.ts';
export { LabSpec, type ProgramSpec, scenarioSchema } from './spec/schema.ts';
