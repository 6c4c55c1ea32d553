import type { RemoteEndpoint } from '@overcall/call';
import {
  type DirectoryTrust,
  PresenceRecord,
  type RevokedDevices,
  verifyChain,
  verifyObject,
} from '@overcall/identity';
import { type CertificateChain, OvercallError } from '@overcall/wire';

/** What a supernode says about where somebody is; nothing of it is believed before it is checked. */
export interface ClaimedEndpoint {
  chain: CertificateChain;
  record: string;
}

/** An endpoint that was checked, and the certificates by which. */
export interface CheckedEndpoint extends RemoteEndpoint {
  chain: CertificateChain;
}

/**
 * Keeps the claims that certificates and presence records bear out, once for each endpoint: of its records the newest, so
 * one honest source is enough.
 */
export async function checkEndpoints(
  name: string,
  claims: readonly ClaimedEndpoint[],
  trust: DirectoryTrust,
  revokedDevices: RevokedDevices,
  nowMs: number,
): Promise<CheckedEndpoint[]> {
  const byEndpoint = new Map<string, Checked>();
  for (const claim of claims) {
    const checked = await checkEndpoint(name, claim, trust, nowMs).catch(() => null);
    if (checked === null || revokedDevices.has(checked.found.device)) continue;
    const { device, endpoint } = checked.found;
    const key = `${device.deviceId}/${endpoint}`;
    if (checked.seq > (byEndpoint.get(key)?.seq ?? -1)) byEndpoint.set(key, checked);
  }
  return [...byEndpoint.values()].filter(({ accepts }) => accepts).map(({ found }) => found);
}

interface Checked {
  found: CheckedEndpoint;
  seq: number;
  accepts: boolean;
}

async function checkEndpoint(
  name: string,
  claim: ClaimedEndpoint,
  trust: DirectoryTrust,
  nowMs: number,
): Promise<Checked | null> {
  const device = await verifyChain(claim.chain, trust, nowMs);
  const record = await verifyObject(PresenceRecord, claim.record, device.deviceKey, {
    audience: trust.keyId,
    nowMs,
  });
  if (device.name !== name || record.name !== name || record.device !== device.deviceId) return null;
  const { supernodes, endpoint, versions, seq, accepts } = record;
  return { found: { supernodes, device, endpoint, versions, chain: claim.chain }, seq, accepts };
}

/**
 * A name has one identity key. When certificates show several, only the remembered one counts.
 * @throws OvercallError `certificate-conflict` when none of them is remembered
 */
export function ofOneIdentity<Endpoint extends RemoteEndpoint>(
  name: string,
  endpoints: readonly Endpoint[],
  rememberedKey: string | undefined,
): Endpoint[] {
  const keys = new Set(endpoints.map(({ device }) => device.identityKey.x));
  if (keys.size <= 1) return [...endpoints];
  const known = endpoints.filter(({ device }) => device.identityKey.x === rememberedKey);
  if (known.length > 0) return known;
  throw new OvercallError('certificate-conflict', `the directory certified more than one key for ${name}`);
}
