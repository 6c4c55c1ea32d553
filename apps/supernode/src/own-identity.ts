import {
  type KeyId,
  keyIdOf,
  publicKeyOf,
  type SigningPrivateKey,
  type SupernodeEntry,
} from '@overcall/identity';
import { loadOrCreateTls, type TlsIdentity } from '@overcall/net';
import type { DataFiles } from './data-files.ts';
import { publicAddresses } from './listen-addresses.ts';
import type { SupernodeOptions } from './options.ts';
import type { OpenedSockets } from './sockets.ts';

/** What a supernode is known by. */
export interface OwnIdentity {
  key: SigningPrivateKey;
  id: KeyId;
  tls: TlsIdentity;
}

/** Made at the first start. @throws OvercallError */
export async function ownIdentity(files: DataFiles, name: string): Promise<OwnIdentity> {
  const key = await files.identityKey();
  const tls = await loadOrCreateTls(files.directory, name, []);
  return { key, id: await keyIdOf(key), tls };
}

/** What the supernode list is to say of it. @throws OvercallError `bad-address` */
export function ownEntry(
  { key, tls }: OwnIdentity,
  { name, publicAddresses: texts, tcpListen }: SupernodeOptions,
  sockets: OpenedSockets,
): SupernodeEntry {
  return {
    name,
    key: publicKeyOf(key),
    udp: publicAddresses(texts, sockets.udp, '--listen'),
    control: publicAddresses(texts, sockets.control, tcpListen ? '--tcp-listen' : '--listen'),
    tlsSha256: [tls.sha256],
  };
}
