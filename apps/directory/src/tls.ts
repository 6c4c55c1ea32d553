import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { OvercallError } from '@overcall/wire';
import { generate } from 'selfsigned';
import type { DataDir } from './data-dir.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

export type TlsChoice = 'self' | { certFile: string; keyFile: string };

export interface Tls {
  cert: string;
  key: string;
  /** SHA-256 (DER, hex) for the directory to vouch for; null when a certificate authority does. */
  sha256: string | null;
}

/** The statement signed by the directory's key is what makes it trusted, so it need not be replaced soon. */
const SELF_SIGNED_DAYS = 3650;

/** @throws OvercallError `tls-file-unusable` */
export async function loadTls(choice: TlsChoice, dataDir: DataDir | null): Promise<Tls> {
  if (choice === 'self') return withHash(await selfSigned(dataDir), dataDir?.tlsFile ?? 'new certificate');
  const cert = readTlsFile(choice.certFile);
  return withHash({ cert, key: readTlsFile(choice.keyFile) }, `${choice.certFile} with ${choice.keyFile}`);
}

async function selfSigned(dataDir: DataDir | null): Promise<{ cert: string; key: string }> {
  const kept = dataDir === null ? null : readPrivateFile(dataDir.tlsFile);
  if (kept !== null) {
    try {
      return JSON.parse(kept) as { cert: string; key: string };
    } catch (cause) {
      throw unusable(dataDir!.tlsFile, cause);
    }
  }
  const made = await generate([{ name: 'commonName', value: 'overcall-directory' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + SELF_SIGNED_DAYS * 86_400_000),
  });
  const pair = { cert: made.cert, key: made.private };
  if (dataDir !== null) writePrivateFile(dataDir.tlsFile, `${JSON.stringify(pair)}\n`);
  return pair;
}

function readTlsFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw unusable(file, cause);
  }
}

function withHash({ cert, key }: { cert: string; key: string }, source: string): Tls {
  try {
    createSecureContext({ cert, key });
    const certificate = new X509Certificate(cert);
    // Not checkIssued, which wants the key usage of an authority.
    const { subject, issuer, publicKey } = certificate;
    const isSelfSigned = subject === issuer && certificate.verify(publicKey);
    return { cert, key, sha256: isSelfSigned ? sha256Hex(certificate.raw) : null };
  } catch (cause) {
    throw unusable(source, cause);
  }
}

function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function unusable(source: string, cause: unknown): OvercallError {
  const reason = (cause as Error).message;
  return new OvercallError(
    'tls-file-unusable',
    `TLS certificate or key ${source} cannot be used: ${reason}`,
    {
      cause,
    },
  );
}
