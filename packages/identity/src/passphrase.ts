import { OvercallError } from '@overcall/wire';
import { CompactEncrypt, compactDecrypt } from 'jose';

/**
 * Something kept under a passphrase: a JWE (RFC 7516), its key from PBKDF2-HMAC-SHA-512 (RFC 7518, 4.8), its content under
 * AES-256-GCM.
 */
const KEY_FROM_PASSPHRASE = 'PBES2-HS512+A256KW';
const CONTENT = 'A256GCM';
/** OWASP Password Storage Cheat Sheet, 2023, for PBKDF2-HMAC-SHA-512: at least 210,000. */
const ITERATIONS = 300_000;
/** What a file may ask for, so that a forged one does not keep a processor busy for minutes. */
const MAX_ITERATIONS = 2_000_000;
const MIN_PASSPHRASE_CHARACTERS = 8;

/** @throws OvercallError `passphrase-too-short` */
export async function sealWithPassphrase(content: string, passphrase: string): Promise<string> {
  if ([...passphrase].length < MIN_PASSPHRASE_CHARACTERS) {
    throw new OvercallError(
      'passphrase-too-short',
      `a passphrase has at least ${MIN_PASSPHRASE_CHARACTERS} characters`,
    );
  }
  return new CompactEncrypt(new TextEncoder().encode(content))
    .setProtectedHeader({ alg: KEY_FROM_PASSPHRASE, enc: CONTENT })
    .setKeyManagementParameters({ p2c: ITERATIONS })
    .encrypt(bytesOf(passphrase));
}

/** @throws OvercallError `passphrase-wrong`, also for a file that was damaged: nobody can tell one from the other */
export async function openWithPassphrase(sealed: string, passphrase: string): Promise<string> {
  try {
    const { plaintext } = await compactDecrypt(sealed.trim(), bytesOf(passphrase), {
      keyManagementAlgorithms: [KEY_FROM_PASSPHRASE],
      contentEncryptionAlgorithms: [CONTENT],
      maxPBES2Count: MAX_ITERATIONS,
    });
    return new TextDecoder().decode(plaintext);
  } catch (cause) {
    throw new OvercallError('passphrase-wrong', 'the passphrase is wrong, or the file is damaged', { cause });
  }
}

/** The same characters may come composed or not, by the keyboard. */
const bytesOf = (passphrase: string): Uint8Array => new TextEncoder().encode(passphrase.normalize('NFC'));
