import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { OvercallError } from '@overcall/wire';
import { readFileIfThere, readPrivateFile, writePrivateFile } from './private-file.ts';

/** A TLS certificate that others know by its fingerprint. */
export interface TlsIdentity {
  /** PEM. */
  key: string;
  certificate: string;
  /** SHA-256 of the certificate (DER), hex, lower case. */
  sha256: string;
}

/** It is pinned, not dated, that makes it trusted; so it may last. */
const LIFETIME_YEARS = 10;

export function certificateSha256(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
}

/** A fresh ECDSA P-256 key with a self-signed certificate for `addresses` (IP addresses). */
export async function createSelfSigned(
  commonName: string,
  addresses: readonly string[],
): Promise<TlsIdentity> {
  const notAfterDate = new Date();
  notAfterDate.setFullYear(notAfterDate.getFullYear() + LIFETIME_YEARS);
  // With its ASN.1 it takes a while to load, and only a first start needs it.
  const { generate } = await import('selfsigned');
  const altNames = addresses.map((ip) => ({ type: 7 as const, ip }));
  const pem = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notAfterDate,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      ...(altNames.length > 0 ? [{ name: 'subjectAltName' as const, altNames }] : []),
    ],
  });
  return { key: pem.private, certificate: pem.cert, sha256: certificateSha256(pem.cert) };
}

/**
 * The certificate kept in `directory` as `tls-key.pem` and `tls-certificate.pem`; made at first use.
 * @throws OvercallError `tls-files-damaged`, `key-file-open`, `key-file-unreadable`
 */
export async function loadOrCreateTls(
  directory: string,
  commonName: string,
  addresses: readonly string[],
): Promise<TlsIdentity> {
  const keyFile = join(directory, 'tls-key.pem');
  const certificateFile = join(directory, 'tls-certificate.pem');
  const [key, certificate] = [readPrivateFile(keyFile), readFileIfThere(certificateFile)];
  if (key !== null && certificate !== null) return checked(key, certificate, directory);
  const made = await createSelfSigned(commonName, addresses);
  writePrivateFile(keyFile, made.key);
  writePrivateFile(certificateFile, made.certificate);
  return made;
}

function checked(key: string, certificate: string, directory: string): TlsIdentity {
  try {
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
      throw new Error('they do not match');
    return { key, certificate, sha256: certificateSha256(certificate) };
  } catch (cause) {
    throw new OvercallError('tls-files-damaged', `TLS key or certificate in ${directory} is damaged`, {
      cause,
    });
  }
}
