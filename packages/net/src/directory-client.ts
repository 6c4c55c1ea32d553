import {
  DirectoryStatement,
  type DirectoryTrust,
  directoryTrust,
  SigningPublicKey,
  SupernodeEntry,
  signingPublicKey,
  verifyObject,
} from '@overcall/identity';
import { type CertificateChain, OvercallError, plainText } from '@overcall/wire';
import ipaddr from 'ipaddr.js';
import Type, { type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { exchangeJson, type JsonAnswer, type JsonRequest, type SeenCertificate } from './http-json.ts';

/**
 * Client of the directory's API. Life cycle: {@link fetchDirectory} learns (or checks) the directory's key and
 * the TLS certificate that it vouches for; what it returns is kept by the caller and given to all the others.
 */
const REQUEST_TIMEOUT_MS = 5000;
/** For what comes once there is a connection: with three packets of ten lost each way, one answer of 96 took longer. */
const ANSWER_TIMEOUT_MS = 10_000;

const CHALLENGES = '/v1/challenges';

/** A directory whose key is pinned. Plain data, so that it can be stored. */
export const KnownDirectory = Type.Object({
  /** Without a trailing slash and without `#KEY`. */
  url: Type.String({ minLength: 1 }),
  key: SigningPublicKey,
  keyId: Type.String(),
  /** SHA-256 of its TLS certificate, hex; null when it has none or one of a certificate authority. */
  tlsSha256: Type.Union([Type.String(), Type.Null()]),
  registration: Type.Union([Type.Literal('open'), Type.Literal('invite'), Type.Literal('closed')]),
});
export type KnownDirectory = Static<typeof KnownDirectory>;

export interface FetchDirectoryOptions {
  /** Allow plain HTTP to other hosts than loopback. */
  insecureHttp?: boolean;
  /** Key that was pinned before, besides one in `URL#KEY`. */
  pinnedKey?: SigningPublicKey;
  nowMs?: number;
}

/** Splits `URL#KEY`; KEY is the directory's Ed25519 public key, base64url. */
export function parseDirectoryUrl(text: string): { url: string; pinnedKey: SigningPublicKey | null } {
  const parsed = URL.canParse(text) ? new URL(text) : null;
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new OvercallError('bad-directory-url', `directory "${text}" is not an http:// or https:// URL`);
  }
  const key = parsed.hash.slice(1);
  if (key !== '' && !Value.Check(SigningPublicKey, signingPublicKey(key))) {
    throw new OvercallError(
      'bad-directory-url',
      'the part after # in the directory URL is not a public key',
      {
        remedy: 'take it from overcall-directory key',
      },
    );
  }
  const url = `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}`;
  return { url, pinnedKey: key === '' ? null : signingPublicKey(key) };
}

/**
 * Fetches and checks the directory's statement about itself.
 * @throws OvercallError `directory-unreachable`, `directory-key-changed`, `insecure-directory`, `bad-directory-url`
 */
export async function fetchDirectory(
  urlWithKey: string,
  options: FetchDirectoryOptions = {},
): Promise<KnownDirectory> {
  const { url, pinnedKey } = parseDirectoryUrl(urlWithKey);
  refuseInsecure(url, options.insecureHttp ?? false);
  const answer = await exchange(url, 'GET', '/v1/directory', undefined, () => {});
  const body = checked(Type.Object({ statement: Type.String(), key: SigningPublicKey }), answer);
  for (const pinned of [pinnedKey, options.pinnedKey]) {
    if (pinned && pinned.x !== body.key.x) throw keyChanged(url);
  }
  const { key, keyId } = await directoryTrust(body.key);
  const nowMs = options.nowMs ?? Date.now();
  const statement = await verifyObject(DirectoryStatement, body.statement, key, { audience: keyId, nowMs });
  const known: KnownDirectory = {
    url,
    key,
    keyId,
    tlsSha256: statement.tlsSha256 ?? null,
    registration: statement.registration,
  };
  if (answer.certificate !== null) checkDirectoryCertificate(known, answer.certificate);
  return known;
}

export function trustOf(directory: KnownDirectory): DirectoryTrust {
  return { key: directory.key, keyId: directory.keyId };
}

/** A fresh nonce for a statement to the directory. */
export async function challenge(directory: KnownDirectory): Promise<string> {
  return (await post(directory, CHALLENGES, {}, Type.Object({ nonce: Type.String() }))).nonce;
}

/** `registration` is a Registration JWS. Returns the user's certificate, also when it was registered before. */
export async function registerUser(directory: KnownDirectory, registration: string): Promise<string> {
  const Answer = Type.Object({ certificate: Type.String() });
  return (await post(directory, '/v1/users', { registration }, Answer)).certificate;
}

/**
 * Certificate of the user that the DirectoryLookup JWS names. `chain` and `receipt` (an AttachReceipt) show that
 * an attached user asks.
 */
export async function lookup(
  directory: KnownDirectory,
  request: { lookup: string; chain: CertificateChain; receipt: string },
): Promise<string> {
  const Answer = Type.Object({ certificate: Type.String() });
  return (await post(directory, '/v1/lookups', request, Answer)).certificate;
}

/** `revocation` is a DeviceRevocation JWS. Returns the new signed supernode list. */
export async function revoke(directory: KnownDirectory, revocation: string): Promise<string> {
  return (await post(directory, '/v1/revocations', { revocation }, ListAnswer)).list;
}

const ListAnswer = Type.Object({ list: Type.String() });

/** What the directory wants first: that these supernodes reach the candidate. */
const AdmissionTask = Type.Object({
  ticket: Type.String(),
  witnesses: Type.Array(SupernodeEntry, { maxItems: 8 }),
  /** For the admission that comes with their reports. */
  nonce: Type.String(),
});
export type AdmissionTask = Static<typeof AdmissionTask>;
const AdmissionAnswer = Type.Union([ListAnswer, AdmissionTask]);

/**
 * `admission` is a SupernodeAdmission JWS, `evidence` what came of a task. Returns the signed supernode list, the new member
 * in it, or a task.
 */
export function admitSupernode(
  directory: KnownDirectory,
  admission: string,
  evidence?: { ticket: string; reports: string[] },
): Promise<Static<typeof AdmissionAnswer>> {
  return post(directory, '/v1/supernodes', { admission, ...evidence }, AdmissionAnswer);
}

/** `departure` is a SupernodeDeparture JWS. Returns the signed list without that supernode. */
export async function departSupernode(directory: KnownDirectory, departure: string): Promise<string> {
  return (await post(directory, '/v1/departures', { departure }, ListAnswer)).list;
}

/** `report` is a StatusReport JWS. Returns after how many seconds the directory wants the next one. */
export function sendStatusReport(directory: KnownDirectory, report: string): Promise<{ nextS: number }> {
  return post(directory, '/v1/reports', { report }, Type.Object({ nextS: Type.Number() }));
}

/** The signed supernode list (unverified: see SupernodeList in packages/identity). */
export async function fetchSupernodeList(directory: KnownDirectory): Promise<string> {
  return checked(ListAnswer, await askForList(directory, {})).list;
}

/** The same, or null when it is still the one of that version: asked for every half a minute, a list of megabytes does not travel each time. */
export async function fetchOtherList(directory: KnownDirectory, version: number): Promise<string | null> {
  const answer = await askForList(directory, { knownEtag: `"${version}"` });
  return answer.status === 304 ? null : checked(ListAnswer, answer).list;
}

function askForList(directory: KnownDirectory, known: { knownEtag?: string }): Promise<JsonAnswer> {
  const check = (seen: SeenCertificate) => checkDirectoryCertificate(directory, seen);
  return exchange(directory.url, 'GET', '/v1/supernodes', undefined, check, known);
}

async function post<Schema extends TSchema>(
  directory: KnownDirectory,
  path: string,
  body: unknown,
  schema: Schema,
): Promise<Static<Schema>> {
  const answer = await exchange(directory.url, 'POST', path, body, (seen) =>
    checkDirectoryCertificate(directory, seen),
  );
  return checked(schema, answer);
}

async function exchange(
  url: string,
  method: 'GET' | 'POST',
  path: string,
  body: unknown,
  check: (seen: SeenCertificate) => void,
  more: Pick<JsonRequest, 'knownEtag'> = {},
): Promise<JsonAnswer> {
  try {
    return await exchangeJson({
      method,
      url: new URL(url + path),
      body,
      timeoutMs: REQUEST_TIMEOUT_MS,
      answerTimeoutMs: ANSWER_TIMEOUT_MS,
      checkCertificate: check,
      // A challenge that nobody uses is forgotten; what else is posted changes something, or counts.
      mayRepeat: method === 'GET' || path === CHALLENGES,
      ...more,
    });
  } catch (cause) {
    if (cause instanceof OvercallError) throw cause;
    throw new OvercallError(
      'directory-unreachable',
      `directory ${url} cannot be reached (${reasonOf(cause)})`,
      { cause },
    );
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return '';
  // Of ours: nobody else ends a request before its time.
  if (cause.name === 'AbortError') return 'no answer in time';
  return (cause as NodeJS.ErrnoException).code ?? cause.message;
}

const ErrorAnswer = Type.Object({ code: Type.String(), message: Type.String() });

function checked<Schema extends TSchema>(schema: Schema, answer: JsonAnswer): Static<Schema> {
  if (answer.status < 300 && Value.Check(schema, answer.body)) return answer.body as Static<Schema>;
  if (Value.Check(ErrorAnswer, answer.body)) {
    throw new OvercallError(plainText(answer.body.code, 64), plainText(answer.body.message));
  }
  throw new OvercallError(
    'directory-unreachable',
    `what answers there is not a directory, or one in trouble (HTTP ${answer.status})`,
  );
}

/** @throws OvercallError `insecure-directory` */
export function checkDirectoryCertificate(directory: KnownDirectory, seen: SeenCertificate): void {
  if (directory.tlsSha256 === null ? seen.trustedByAuthority : seen.sha256 === directory.tlsSha256) return;
  throw new OvercallError(
    'insecure-directory',
    `the TLS certificate of ${directory.url} is not the one that the directory's key vouches for`,
  );
}

function keyChanged(url: string): OvercallError {
  return new OvercallError('directory-key-changed', `directory ${url} has another key than the pinned one`);
}

function refuseInsecure(url: string, insecureHttp: boolean): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:' || insecureHttp || isLoopback(hostname)) return;
  throw new OvercallError('insecure-directory', `${url} is plain HTTP to another host`, {
    remedy: 'use https://, or --insecure-http in a lab',
  });
}

/** Whether a host of a URL is this machine. */
export function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return bare === 'localhost' || (ipaddr.isValid(bare) && ipaddr.process(bare).range() === 'loopback');
}
