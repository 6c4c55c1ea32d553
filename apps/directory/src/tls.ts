import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { certificateSha256, createSelfSigned, loadOrCreateTls, type TlsIdentity } from '@overcall/net';
import { OvercallError } from '@overcall/wire';
import type { DataDir } from './data-dir.ts';

export type TlsChoice = 'self' | { certFile: string; keyFile: string };

/** PEM, and the fingerprint for the directory to vouch for; null when a certificate authority vouches. */
export type Tls = Omit<TlsIdentity, 'sha256'> & { sha256: string | null };

const COMMON_NAME = 'overcall-directory';

/** @throws OvercallError `tls-file-unusable`, and those of `loadOrCreateTls` */
export async function loadTls(choice: TlsChoice, dataDir: DataDir | null): Promise<Tls> {
  if (choice !== 'self') return readTls(choice);
  return dataDir === null
    ? createSelfSigned(COMMON_NAME, [])
    : loadOrCreateTls(dataDir.path, COMMON_NAME, []);
}

function readTls({ certFile, keyFile }: Exclude<TlsChoice, 'self'>): Tls {
  const [certificate, key] = [readTlsFile(certFile), readTlsFile(keyFile)];
  try {
    createSecureContext({ cert: certificate, key });
    return { key, certificate, sha256: isSelfSigned(certificate) ? certificateSha256(certificate) : null };
  } catch (cause) {
    throw unusable(`${certFile} with ${keyFile}`, cause);
  }
}

/** Not checkIssued, which wants the key usage of an authority. */
function isSelfSigned(pem: string): boolean {
  const certificate = new X509Certificate(pem);
  const { subject, issuer, publicKey } = certificate;
  return subject === issuer && certificate.verify(publicKey);
}

function readTlsFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw unusable(file, cause);
  }
}

function unusable(source: string, cause: unknown): OvercallError {
  const message = `TLS certificate or key ${source} cannot be used: ${(cause as Error).message}`;
  return new OvercallError('tls-file-unusable', message, { cause });
}
