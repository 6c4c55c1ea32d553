import type { RemoteEndpoint } from '@overcall/call';
import {
  type DirectoryTrust,
  isRevoked,
  PresenceRecord,
  type RevokedDevice,
  verifyChain,
  verifyObject,
} from '@overcall/identity';
import { type CertificateChain, OvercallError } from '@overcall/wire';

/** What a supernode says about where somebody is; nothing of it is believed before it is checked. */
export interface ClaimedEndpoint {
  supernodeId: string;
  chain: CertificateChain;
  record: string;
}

/**
 * Keeps the claims that certificates and presence records bear out, once for each endpoint: the first supernode
 * that offers it is the one used.
 */
export async function checkEndpoints(
  name: string,
  claims: readonly ClaimedEndpoint[],
  trust: DirectoryTrust,
  revokedDevices: readonly RevokedDevice[],
  nowMs: number,
): Promise<RemoteEndpoint[]> {
  const byEndpoint = new Map<string, RemoteEndpoint>();
  for (const claim of claims) {
    const endpoint = await checkEndpoint(name, claim, trust, nowMs).catch(() => null);
    if (endpoint === null || isRevoked(revokedDevices, endpoint.device)) continue;
    const key = `${endpoint.device.deviceId}/${endpoint.endpoint}`;
    if (!byEndpoint.has(key)) byEndpoint.set(key, endpoint);
  }
  return [...byEndpoint.values()];
}

async function checkEndpoint(
  name: string,
  claim: ClaimedEndpoint,
  trust: DirectoryTrust,
  nowMs: number,
): Promise<RemoteEndpoint | null> {
  const device = await verifyChain(claim.chain, trust, nowMs);
  const record = await verifyObject(PresenceRecord, claim.record, device.deviceKey, {
    audience: trust.keyId,
    nowMs,
  });
  const matches =
    device.name === name &&
    record.name === name &&
    record.device === device.deviceId &&
    record.supernodes.includes(claim.supernodeId) &&
    record.accepts;
  if (!matches) return null;
  return { supernode: claim.supernodeId, device, endpoint: record.endpoint, versions: record.versions };
}

/**
 * A name has one identity key. When certificates show several, only the remembered one counts.
 * @throws OvercallError `certificate-conflict` when none of them is remembered
 */
export function ofOneIdentity(
  name: string,
  endpoints: readonly RemoteEndpoint[],
  rememberedKey: string | undefined,
): RemoteEndpoint[] {
  const keys = new Set(endpoints.map(({ device }) => device.identityKey.x));
  if (keys.size <= 1) return [...endpoints];
  const known = endpoints.filter(({ device }) => device.identityKey.x === rememberedKey);
  if (known.length > 0) return known;
  throw new OvercallError(
    'certificate-conflict',
    `the directory certified more than one key for ${name}; do not trust it`,
  );
}
