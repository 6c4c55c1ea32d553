import { type CallKeys, PacketOpener, PacketSealer, type SessionCrypto } from '@overcall/session';
import type { CheckCipher } from '@overcall/traversal';
import { DatagramType } from '@overcall/wire';

const ASSOCIATED_DATA = new Uint8Array([DatagramType.Check]);

/** Checks under the keys that a call has for them. */
export function sealedChecks(crypto: SessionCrypto, keys: CallKeys): CheckCipher {
  const sealer = new PacketSealer(crypto, keys.send.check);
  const opener = new PacketOpener(crypto, keys.receive.check);
  return {
    seal: (plaintext) => sealer.seal(plaintext, ASSOCIATED_DATA),
    open: (counter, sealed) => opener.open(counter, sealed, ASSOCIATED_DATA),
  };
}
