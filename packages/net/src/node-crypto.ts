import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPublicKey,
  createSecretKey,
  decapsulate,
  encapsulate,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomInt,
} from 'node:crypto';
import type { AgreementPrivateKey } from '@overcall/identity';
import type { AeadKey, KemKeyPair, SessionCrypto, StaticKeyPair } from '@overcall/session';
import { AEAD_KEY_BYTES, AEAD_TAG_BYTES, KEM_PUBLIC_KEY_BYTES } from '@overcall/session';
import { fromBase64Url, OvercallError } from '@overcall/wire';

/** The cryptography of calls and relay flows on Node's own OpenSSL. */
const AEAD = 'aes-128-gcm';
/** DER in front of a raw ML-KEM-768 public key: SubjectPublicKeyInfo of RFC 9935. */
const KEM_SPKI_PREFIX = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex');

/** Node's Buffers have a `slice` that does not copy; what leaves this module are plain arrays. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

class NodeAeadKey implements AeadKey {
  readonly #key: KeyObject;

  constructor(key: Uint8Array) {
    if (key.length !== AEAD_KEY_BYTES) throw new RangeError('an AES-128 key has 16 bytes');
    this.#key = createSecretKey(key);
  }

  seal(nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
    const cipher = createCipheriv(AEAD, this.#key, nonce, { authTagLength: AEAD_TAG_BYTES });
    cipher.setAAD(aad);
    const sealed = new Uint8Array(plaintext.length + AEAD_TAG_BYTES);
    sealed.set(cipher.update(plaintext));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plaintext.length);
    return sealed;
  }

  open(nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array | null {
    if (sealed.length < AEAD_TAG_BYTES) return null;
    const end = sealed.length - AEAD_TAG_BYTES;
    try {
      const decipher = createDecipheriv(AEAD, this.#key, nonce, { authTagLength: AEAD_TAG_BYTES });
      decipher.setAAD(aad);
      decipher.setAuthTag(sealed.subarray(end));
      const plaintext = decipher.update(sealed.subarray(0, end));
      decipher.final();
      return plain(plaintext);
    } catch {
      return null;
    }
  }
}

function generateKem(): KemKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ml-kem-768');
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return {
    publicKey: plain(spki.subarray(KEM_SPKI_PREFIX.length)),
    decapsulate: (ciphertext) => plain(decapsulate(privateKey, ciphertext)),
  };
}

function encapsulateTo(publicKey: Uint8Array): { ciphertext: Uint8Array; sharedSecret: Uint8Array } | null {
  if (publicKey.length !== KEM_PUBLIC_KEY_BYTES) return null;
  try {
    const der = Buffer.concat([KEM_SPKI_PREFIX, publicKey]);
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const { ciphertext, sharedKey } = encapsulate(key);
    return { ciphertext: plain(ciphertext), sharedSecret: plain(sharedKey) };
  } catch {
    return null;
  }
}

export const nodeCrypto: SessionCrypto = {
  randomBytes: (count) => plain(randomBytes(count)),
  generateKem,
  encapsulate: encapsulateTo,
  aead: (key) => new NodeAeadKey(key),
};

/** From [0, 1), as `Math.random`, but not to be foretold from what was drawn before. */
export const secureRandom = (): number => randomInt(2 ** 32) / 2 ** 32;

/** HMAC-SHA-256 (RFC 2104), all 32 bytes. */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return plain(createHmac('sha256', key).update(bytes).digest());
}

/**
 * The bytes of an X25519 key pair that is stored as a JWK.
 * @throws OvercallError `agreement-key-invalid`
 */
export function x25519KeyPair(jwk: AgreementPrivateKey): StaticKeyPair {
  const publicKey = fromBase64Url(jwk.x);
  const secretKey = fromBase64Url(jwk.d);
  if (publicKey?.length !== 32 || secretKey?.length !== 32) {
    throw new OvercallError('agreement-key-invalid', 'the X25519 key of this device is damaged');
  }
  return { publicKey, secretKey };
}
