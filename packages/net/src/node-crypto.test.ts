import { createPrivateKey, createPublicKey, decapsulate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AgreementPrivateKey } from '@overcall/identity';
import { generateAgreementKey } from '@overcall/identity';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hmacSha256, nodeCrypto, x25519KeyPair } from './node-crypto.ts';

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
const toHex = (bytes: Uint8Array | null) => bytes && Buffer.from(bytes).toString('hex');

describe('AES-128-GCM', () => {
  // Test case 4 of McGrew and Viega's GCM specification, as submitted to NIST.
  const KEY = hex('feffe9928665731c6d6a8f9467308308');
  const NONCE = hex('cafebabefacedbaddecaf888');
  const AAD = hex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
  const PLAINTEXT =
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
    '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39';
  const SEALED =
    '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e' +
    '21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47';

  it('seals and opens the published vector', () => {
    const aead = nodeCrypto.aead(KEY);
    expect(toHex(aead.seal(NONCE, hex(PLAINTEXT), AAD))).toBe(SEALED);
    expect(toHex(aead.open(NONCE, hex(SEALED), AAD))).toBe(PLAINTEXT);
  });

  it('opens nothing that was changed, cut or sealed otherwise', () => {
    const aead = nodeCrypto.aead(KEY);
    const sealed = hex(SEALED);
    for (let at = 0; at < sealed.length; at++) {
      const spoilt = sealed.slice();
      spoilt[at]! ^= 1;
      expect(aead.open(NONCE, spoilt, AAD)).toBeNull();
    }
    for (const length of [0, 1, 15, 16, sealed.length - 1]) {
      expect(aead.open(NONCE, sealed.subarray(0, length), AAD)).toBeNull();
    }
    expect(aead.open(NONCE, sealed, AAD.subarray(1))).toBeNull();
    expect(aead.open(hex('cafebabefacedbaddecaf889'), sealed, AAD)).toBeNull();
    expect(nodeCrypto.aead(new Uint8Array(16)).open(NONCE, sealed, AAD)).toBeNull();
  });

  it('opens what it sealed, empty too, from a view into a larger buffer', () => {
    const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
    fc.assert(
      fc.property(bytes(1200), bytes(32), (plaintext, aad) => {
        const aead = nodeCrypto.aead(KEY);
        const sealed = aead.seal(NONCE, plaintext, aad);
        const padded = new Uint8Array(sealed.length + 20);
        padded.set(sealed, 7);
        expect(aead.open(NONCE, padded.subarray(7, 7 + sealed.length), aad)).toEqual(plaintext);
      }),
      { numRuns: 50 },
    );
  });

  it('does not follow later changes of the key that it was given', () => {
    const key = KEY.slice();
    const aead = nodeCrypto.aead(key);
    key.fill(0);
    expect(toHex(aead.open(NONCE, hex(SEALED), AAD))).toBe(PLAINTEXT);
  });
});

describe('ML-KEM-768', () => {
  const vectors: { acvp: Record<'dk' | 'c' | 'k', string>; wycheproof: Record<'seed' | 'c' | 'k', string> } =
    JSON.parse(readFileSync(new URL('./vectors/ml-kem-768.json', import.meta.url), 'utf8'));

  it('decapsulates the NIST ACVP vector', () => {
    // PKCS#8 with the expanded key (RFC 9935, section 6).
    const pkcs8 = Buffer.concat([
      hex('30820978020100300b06096086480165030404020482096404820960'),
      hex(vectors.acvp.dk),
    ]);
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    expect(toHex(decapsulate(key, hex(vectors.acvp.c)))).toBe(vectors.acvp.k.toLowerCase());
    // The public key inside it is one that others can encapsulate to.
    const dk = hex(vectors.acvp.dk);
    const { ciphertext, sharedSecret } = nodeCrypto.encapsulate(dk.subarray(1152, 2336))!;
    expect(toHex(decapsulate(key, ciphertext))).toBe(toHex(sharedSecret));
  });

  it('rejects implicitly as in the Wycheproof vector', () => {
    const key = createPrivateKey({
      key: Buffer.from(vectors.wycheproof.seed, 'hex'),
      format: 'raw-seed',
      asymmetricKeyType: 'ml-kem-768',
    } as never);
    expect(createPublicKey(key).asymmetricKeyType).toBe('ml-kem-768');
    expect(toHex(decapsulate(key, hex(vectors.wycheproof.c)))).toBe(vectors.wycheproof.k);
  });

  it('agrees with itself, in the sizes of FIPS 203', () => {
    const pair = nodeCrypto.generateKem();
    const made = nodeCrypto.encapsulate(pair.publicKey)!;
    expect([pair.publicKey.length, made.ciphertext.length, made.sharedSecret.length]).toEqual([
      1184, 1088, 32,
    ]);
    expect(pair.decapsulate(made.ciphertext)).toEqual(made.sharedSecret);
    made.ciphertext[500]! ^= 1;
    expect(pair.decapsulate(made.ciphertext)).not.toEqual(made.sharedSecret);
    expect(nodeCrypto.generateKem().publicKey).not.toEqual(pair.publicKey);
  });

  it('refuses what is no public key', () => {
    const { publicKey } = nodeCrypto.generateKem();
    expect(nodeCrypto.encapsulate(publicKey.subarray(1))).toBeNull();
    expect(nodeCrypto.encapsulate(new Uint8Array(0))).toBeNull();
    expect(nodeCrypto.encapsulate(new Uint8Array(1185))).toBeNull();
    // Coefficients of 4,095: not reduced modulo q = 3,329 (FIPS 203, 7.2, modulus check).
    expect(nodeCrypto.encapsulate(new Uint8Array(1184).fill(0xff))).toBeNull();
  });
});

describe('HMAC-SHA-256', () => {
  it('is RFC 4231, test case 2', () => {
    const mac = hmacSha256(
      new TextEncoder().encode('Jefe'),
      new TextEncoder().encode('what do ya want for nothing?'),
    );
    expect(toHex(mac)).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  });
});

describe('X25519 key pairs', () => {
  it('come from JWKs', async () => {
    const jwk = await generateAgreementKey();
    const pair = x25519KeyPair(jwk);
    expect(Buffer.from(pair.publicKey).toString('base64url')).toBe(jwk.x);
    expect(Buffer.from(pair.secretKey).toString('base64url')).toBe(jwk.d);
  });

  it('say when they are damaged', () => {
    const jwk: AgreementPrivateKey = { kty: 'OKP', crv: 'X25519', x: 'AAAA', d: 'A'.repeat(43) };
    expect(() => x25519KeyPair(jwk)).toThrow(expect.objectContaining({ code: 'agreement-key-invalid' }));
  });
});

describe('random bytes', () => {
  it('are plain arrays of their own', () => {
    const bytes = nodeCrypto.randomBytes(16);
    expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
    expect(bytes).not.toEqual(nodeCrypto.randomBytes(16));
  });
});
