import {
  type AccessRules,
  type AddressPolicy,
  addressPolicy,
  DEFAULT_RELAY_LIMITS,
  type Rate,
  type RelayLimits,
  shares,
  totalBytesRate,
} from '@overcall/overlay';
import type { OperatorRules } from './operator-rules.ts';
import type { SupernodeOptions } from './options.ts';
import { type HostCapacity, MAX_ATTACHMENTS } from './self-test/host-capacity.ts';

/** Where nobody has looked what the host can carry. */
export const UNTESTED: HostCapacity = {
  calls: null,
  mbps: null,
  softphones: MAX_ATTACHMENTS,
};

/** Where binds may come from; other supernodes are not judged by the rules for users. */
export function softphonePolicy({ allowNets }: SupernodeOptions, access: AccessRules): AddressPolicy {
  const mayRelayTo = addressPolicy(allowNets);
  return (address) => mayRelayTo(address) && access.mayComeFrom(address);
}

export const bytesRate = (mbps: number | null) => totalBytesRate(mbps ?? Number.POSITIVE_INFINITY);

export const mbpsOf = ({ perSecond }: Rate): number => (perSecond * 8) / 1_000_000;

/** What the operator says, else the usual, as far as the host can carry it. */
export function relayLimits({ maxCalls, maxMbps }: OperatorRules, capacity: HostCapacity): RelayLimits {
  const { maxAllocations, totalBytes } = DEFAULT_RELAY_LIMITS;
  const calls = maxCalls ?? Math.min(maxAllocations, capacity.calls ?? Number.POSITIVE_INFINITY);
  const found = bytesRate(maxMbps ?? capacity.mbps);
  const isBounded = maxMbps !== undefined || found.perSecond < totalBytes.perSecond;
  return {
    ...DEFAULT_RELAY_LIMITS,
    maxAllocations: calls,
    ...shares(calls),
    totalBytes: isBounded ? found : totalBytes,
  };
}
