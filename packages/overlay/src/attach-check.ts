import {
  AttachProof,
  type CertifiedDevice,
  CLOCK_TOLERANCE_S,
  type DirectoryTrust,
  PRESENCE_LIFETIME_S,
  PresenceRecord,
  type RevokedDevices,
  type SignedClaims,
  verifyChain,
  verifyObject,
} from '@overcall/identity';
import { type CertificateChain, CONTROL_VERSION, OvercallError } from '@overcall/wire';
import type { Attachment } from './attachments.ts';
import type { Presence } from './presence.ts';

/** Control protocol versions that this build speaks. */
export const CONTROL_VERSIONS: readonly number[] = [CONTROL_VERSION];

export interface AttachAttempt {
  chain: CertificateChain;
  proof: string;
  /** The nonce of this connection's `hello`. */
  serverNonce: string;
}

/** Outcome of checking signatures, as a value: a stranger's bad signature is nothing exceptional. */
export type Checked<T> = { ok: T } | Refused;

export interface Refused {
  code: string;
  message: string;
}

export interface AttachedDevice {
  who: CertifiedDevice;
  chain: CertificateChain;
  endpoint: string;
  clientNonce: string;
  version: number;
}

/** Checks a certificate chain and the proof that its device signed for this connection. */
export function checkAttach(
  attempt: AttachAttempt,
  context: {
    directory: DirectoryTrust;
    supernode: string;
    revokedDevices: RevokedDevices;
    nowMs: number;
  },
): Promise<Checked<AttachedDevice>> {
  return asValue(async () => {
    const { nowMs, supernode } = context;
    const who = await verifyChain(attempt.chain, context.directory, nowMs);
    if (context.revokedDevices.has(who)) {
      throw new OvercallError('device-revoked', 'this device has been revoked by its user');
    }
    const proof = await verifyObject(AttachProof, attempt.proof, who.deviceKey, {
      audience: supernode,
      nowMs,
    });
    if (proof.serverNonce !== attempt.serverNonce) {
      throw new OvercallError('stale-proof', 'the proof answers another challenge');
    }
    const version = Math.max(...proof.versions.filter((v) => CONTROL_VERSIONS.includes(v)));
    if (!Number.isFinite(version)) {
      throw new OvercallError('version', 'no common control version');
    }
    const { endpoint, clientNonce } = proof;
    return { who, chain: attempt.chain, endpoint, clientNonce, version };
  });
}

/**
 * Until when somebody stays attached, ms since 1970: as long as another attach with these certificates would be
 * accepted. Whoever were cut off earlier would come back at once, again and again, until then.
 */
export const attachedUntilMs = (who: Pick<CertifiedDevice, 'expiresAt'>): number =>
  who.expiresAt + CLOCK_TOLERANCE_S * 1000;

/** Checks a presence record against the attachment that sent it. */
export function checkPresence(
  record: string,
  context: { attachment: Attachment; directory: DirectoryTrust; supernode: string; nowMs: number },
): Promise<Checked<Presence>> {
  return asValue(async () => {
    const { attachment, nowMs } = context;
    const { who, endpoint, chain } = attachment;
    const claims = await verifyObject(PresenceRecord, record, who.deviceKey, {
      audience: context.directory.keyId,
      nowMs,
    });
    const matches =
      claims.name === who.name &&
      claims.device === who.deviceId &&
      claims.endpoint === endpoint &&
      claims.supernodes.includes(context.supernode);
    if (!matches) throw new OvercallError('presence-mismatch', 'the presence record is about somebody else');
    return presenceOf(claims, { chain, record });
  });
}

/**
 * Checks a presence record that another supernode has brought: null unless a device of that name signed it and is not revoked.
 */
export async function checkRecord(
  { chain, record }: { chain: CertificateChain; record: string },
  context: { directory: DirectoryTrust; revokedDevices: RevokedDevices; nowMs: number },
): Promise<Presence | null> {
  const checked = await asValue(async () => {
    const { directory, revokedDevices, nowMs } = context;
    const who = await verifyChain(chain, directory, nowMs);
    const claims = await verifyObject(PresenceRecord, record, who.deviceKey, {
      audience: directory.keyId,
      nowMs,
    });
    const matches = claims.name === who.name && claims.device === who.deviceId;
    if (!matches || revokedDevices.has(who))
      throw new OvercallError('presence-mismatch', 'the presence record is about somebody else');
    return presenceOf(claims, { chain, record });
  });
  return 'ok' in checked ? checked.ok : null;
}

/** @throws OvercallError `presence-mismatch` for one that would stay long after its softphone is gone */
function presenceOf(
  claims: SignedClaims<typeof PresenceRecord>,
  signed: { chain: CertificateChain; record: string },
): Presence {
  const { name, device, endpoint, seq, accepts, supernodes, iat, exp } = claims;
  if (exp - iat > PRESENCE_LIFETIME_S)
    throw new OvercallError('presence-mismatch', 'the presence record lasts for too long');
  return { name, device, endpoint, seq, accepts, expiresAtMs: exp * 1000, supernodes, ...signed };
}

async function asValue<T>(check: () => Promise<T>): Promise<Checked<T>> {
  try {
    return { ok: await check() };
  } catch (error) {
    if (error instanceof OvercallError) return { code: error.code, message: error.message };
    throw error;
  }
}
