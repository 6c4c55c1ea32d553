import {
  DirectoryLookup,
  type SigningPublicKey,
  STATEMENT_LIFETIME_S,
  signObject,
  UserCertificate,
  verifyObject,
} from '@overcall/identity';
import { challenge, lookup, trustOf } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import type { CheckedEndpoint } from './endpoints.ts';
import type { Profile } from './profile.ts';
import type { Softphone } from './softphone.ts';

export interface FoundUser {
  name: string;
  identityKey: SigningPublicKey;
  /** The user's certificate, as signed by the directory. */
  certificate: string;
  /** Endpoints that take calls; empty when nobody is attached. */
  endpoints: CheckedEndpoint[];
}

/**
 * Finds a user: first where he is attached, else in the directory. The key may be another one than that of a
 * contact of this name: see {@link Softphone.checkContact}.
 * @throws OvercallError `unknown-user`, `directory-unreachable`
 */
export async function findUser(softphone: Softphone, profile: Profile, name: string): Promise<FoundUser> {
  const endpoints = await softphone.findEndpoints(name);
  const attached = endpoints[0];
  if (attached !== undefined) {
    return { name, identityKey: attached.device.identityKey, certificate: attached.chain.user, endpoints };
  }
  const certificate = await askDirectory(softphone, profile, name);
  const trust = trustOf(profile.directory);
  const claims = await verifyObject(UserCertificate, certificate, trust.key, {
    audience: trust.keyId,
    nowMs: Date.now(),
  });
  if (claims.sub !== name) {
    throw new OvercallError('certificate-invalid', `the directory answered for ${claims.sub}`);
  }
  return { name, identityKey: claims.cnf.jwk, certificate, endpoints };
}

async function askDirectory(softphone: Softphone, profile: Profile, name: string): Promise<string> {
  const { directory, keys, chain } = profile;
  const attachment = softphone.pool.all[0];
  if (attachment === undefined) throw new OvercallError('supernode-unreachable', 'no supernode is attached');
  const nonce = await challenge(directory);
  const request = await signObject(DirectoryLookup, { name, nonce }, keys.device, {
    audience: directory.keyId,
    nowMs: Date.now(),
    lifetimeS: STATEMENT_LIFETIME_S,
  });
  return lookup(directory, { lookup: request, chain, receipt: attachment.receipt });
}
