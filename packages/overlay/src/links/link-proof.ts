import { LinkProof, type SigningPublicKey, verifyObject } from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import type { Checked } from '../attach-check.ts';
import { LINK_VERSIONS } from './link-limits.ts';

/** What a join is checked against; `key` is the one that the signed list has for the supernode `from`. */
export interface JoinContext {
  from: string;
  key: SigningPublicKey;
  self: string;
  /** The nonce of the hello of `from`, and ours. */
  theirNonce: string;
  ourNonce: string;
  nowMs: number;
}

/** Checks that the supernode `from` signed for this link, and for this supernode. */
export async function checkJoin(proof: string, context: JoinContext): Promise<Checked<{ version: number }>> {
  try {
    const { from, key, self, nowMs } = context;
    const claims = await verifyObject(LinkProof, proof, key, { audience: self, nowMs });
    const isFresh =
      claims.iss === from && claims.ownNonce === context.theirNonce && claims.otherNonce === context.ourNonce;
    if (!isFresh) return { code: 'stale-proof', message: 'the proof is for another link' };
    const version = Math.max(...claims.versions.filter((v) => LINK_VERSIONS.includes(v)));
    if (!Number.isFinite(version)) return { code: 'version', message: 'no common link version' };
    return { ok: { version } };
  } catch (error) {
    if (error instanceof OvercallError) return { code: error.code, message: error.message };
    throw error;
  }
}
