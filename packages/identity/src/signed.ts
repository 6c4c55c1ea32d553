import { fromBase64Url, isBase64Url, OvercallError } from '@overcall/wire';
import { CompactSign, errors, importJWK, jwtVerify } from 'jose';
import Type, { type Static, type TObject } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { Value } from 'typebox/value';
import { keyIdOf, publicKeyOf, type SigningPrivateKey, type SigningPublicKey } from './keys.ts';

/**
 * Every signed object is a JWT (RFC 7519) in JWS compact form: EdDSA only, a `typ` of its own for each kind, an
 * `aud`, dates, a format version and the key id of its signer, so that a signature made for one purpose never
 * passes for another. Unknown members are ignored.
 */
const FORMAT_VERSION = 1;
/** How far clocks may differ, seconds: RFC 7519, 4.1.4 suggests "a few minutes" at the most. */
export const CLOCK_TOLERANCE_S = 120;

const Envelope = {
  ver: Type.Integer({ minimum: 1 }),
  aud: Type.String({ minLength: 1, maxLength: 256 }),
  /** Seconds since 1970 (RFC 7519 NumericDate). */
  iat: Type.Integer({ minimum: 0 }),
  exp: Type.Integer({ minimum: 0 }),
};

const EnvelopeSchema = Type.Object(Envelope);

/**
 * To interpret the schema of the longest supernode list takes seconds, in which a program does nothing else; compiled, a hundredth of that. To
 * compile takes some ms, which short objects never win back. Where code may not be made at run time (a browser's Content-Security-Policy), typebox
 * interprets all the same.
 */
const COMPILED_FROM_CHARACTERS = 65_536;
const compiled = new WeakMap<TObject, Validator>();

/** A kind of signed object: its `typ` and the schema of its claims. */
export interface SignedKind<Claims extends TObject> {
  typ: string;
  claims: Claims;
}

type ClaimsOf<Kind> = Kind extends SignedKind<infer Claims> ? Static<Claims> : never;
export type SignedClaims<Kind> = ClaimsOf<Kind> & { ver: number; aud: string; iat: number; exp: number };

export function signedKind<Claims extends TObject>(name: string, claims: Claims): SignedKind<Claims> {
  return { typ: `overcall-${name}+jwt`, claims };
}

export interface SignOptions {
  audience: string;
  nowMs: number;
  /** How long it is valid, seconds. */
  lifetimeS: number;
}

export async function signObject<Claims extends TObject>(
  kind: SignedKind<Claims>,
  claims: Static<Claims>,
  key: SigningPrivateKey,
  options: SignOptions,
): Promise<string> {
  const iat = Math.floor(options.nowMs / 1000);
  const payload = {
    ...(claims as object),
    ver: FORMAT_VERSION,
    aud: options.audience,
    iat,
    exp: iat + options.lifetimeS,
  };
  const header = { alg: 'EdDSA', typ: kind.typ, kid: await keyIdOf(key) };
  const privateKey = await importJWK({ ...key }, 'EdDSA');
  return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader(header)
    .sign(privateKey);
}

/**
 * Checks signature, kind, audience, dates and schema.
 * @throws OvercallError `signature-invalid`, `signature-expired`, `signature-early`, `signature-wrong-audience`
 */
export async function verifyObject<Claims extends TObject>(
  kind: SignedKind<Claims>,
  token: string,
  key: SigningPublicKey,
  options: { audience: string; nowMs: number },
): Promise<SignedClaims<SignedKind<Claims>>> {
  try {
    // jose forgives stray bits and line ends: one token has one form here.
    if (!token.split('.').every(isBase64Url)) throw new errors.JWSInvalid();
    const { payload } = await jwtVerify(token, await importJWK(publicKeyOf(key), 'EdDSA'), {
      algorithms: ['EdDSA'],
      typ: kind.typ,
      audience: options.audience,
      currentDate: new Date(options.nowMs),
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ['iat', 'exp'],
    });
    checkClaims(kind, payload, token.length);
    if (payload.iat! * 1000 > options.nowMs + CLOCK_TOLERANCE_S * 1000) {
      throw new OvercallError('signature-early', `${kind.typ} is dated in the future`);
    }
    return payload as SignedClaims<SignedKind<Claims>>;
  } catch (cause) {
    throw asSignedError(kind.typ, cause);
  }
}

function checkClaims(kind: SignedKind<TObject>, payload: unknown, characters: number): void {
  const isLong = characters >= COMPILED_FROM_CHARACTERS;
  const fits = () => (isLong ? fitsCompiled(kind, payload) : Value.Check(kind.claims, payload));
  if (!Value.Check(EnvelopeSchema, payload) || !fits())
    throw new OvercallError('signature-invalid', `${kind.typ} lacks a member or has a malformed one`);
}

function fitsCompiled({ claims }: SignedKind<TObject>, payload: unknown): boolean {
  const validator: Validator = compiled.get(claims) ?? Compile(claims);
  compiled.set(claims, validator);
  return validator.Check(payload);
}

function asSignedError(typ: string, cause: unknown): OvercallError {
  if (cause instanceof OvercallError) return cause;
  if (cause instanceof errors.JWTExpired)
    return new OvercallError('signature-expired', `${typ} has expired`, { cause });
  if (cause instanceof errors.JWTClaimValidationFailed && cause.claim === 'aud') {
    return new OvercallError('signature-wrong-audience', `${typ} was made for somebody else`, { cause });
  }
  return new OvercallError('signature-invalid', `${typ} is not validly signed`, { cause });
}

/**
 * Reads claims without checking the signature: only to learn which key to check it with.
 * Null when it is not this kind or not well-formed.
 */
export function peekClaims<Claims extends TObject>(
  kind: SignedKind<Claims>,
  token: string,
): SignedClaims<SignedKind<Claims>> | null {
  const [header, payload] = token.split('.').map(parsePart);
  if ((header as { typ?: unknown } | null)?.typ !== kind.typ) return null;
  try {
    checkClaims(kind, payload, token.length);
    return payload as SignedClaims<SignedKind<Claims>>;
  } catch {
    return null;
  }
}

function parsePart(part: string): unknown {
  const bytes = fromBase64Url(part);
  if (bytes === null) return null;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
}
