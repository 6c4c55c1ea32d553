/**
 * The cryptography that a call needs besides Noise, passed in so that this package runs in Node and in
 * browsers. All byte arrays are plain `Uint8Array`s that the caller may keep.
 */
export const KEM_PUBLIC_KEY_BYTES = 1184;
export const KEM_CIPHERTEXT_BYTES = 1088;
export const AEAD_KEY_BYTES = 16;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;

/** A fresh ML-KEM-768 key pair (FIPS 203). */
export interface KemKeyPair {
  publicKey: Uint8Array;
  /** `ciphertext` has 1,088 bytes. A ciphertext not made for this key gives an unrelated secret (FIPS 203, 6.3). */
  decapsulate(ciphertext: Uint8Array): Uint8Array;
}

/** AES-128-GCM (RFC 5116, AEAD_AES_128_GCM) under one key. */
export interface AeadKey {
  /** Ciphertext with the 16 bytes of the tag behind it. */
  seal(nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array;
  /** Null when it was not sealed under this key, nonce and associated data. */
  open(nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array | null;
}

export interface SessionCrypto {
  randomBytes(count: number): Uint8Array;
  generateKem(): KemKeyPair;
  /** Null when `publicKey` is not a valid ML-KEM-768 key (FIPS 203, 7.2). */
  encapsulate(publicKey: Uint8Array): { ciphertext: Uint8Array; sharedSecret: Uint8Array } | null;
  aead(key: Uint8Array): AeadKey;
}

/** X25519 key pair, 32 bytes each (RFC 7748). */
export interface StaticKeyPair {
  publicKey: Uint8Array;
  secretKey: Uint8Array;
}
