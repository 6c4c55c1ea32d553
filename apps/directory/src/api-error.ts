import { OvercallError } from '@overcall/wire';

/** Every code that the API answers with, and its HTTP status. docs/directory.md says what to do about each. */
export const ERROR_STATUS = {
  'request-malformed': 400,
  'username-invalid': 400,
  'signature-invalid': 400,
  'signature-expired': 400,
  'signature-early': 400,
  'signature-wrong-audience': 400,
  'nonce-invalid': 400,
  'supernode-entry-invalid': 400,
  'ticket-invalid': 400,
  'certificate-invalid': 401,
  'certificate-expired': 401,
  'certificate-early': 401,
  'certificate-wrong-directory': 401,
  'device-revoked': 401,
  'not-attached': 401,
  'registration-closed': 403,
  'invite-needed': 403,
  'invite-invalid': 403,
  'approval-needed': 403,
  'supernode-removed': 403,
  'not-listed': 403,
  'not-reachable': 403,
  'not-found': 404,
  'unknown-user': 404,
  'name-taken': 409,
  'key-taken': 409,
  'report-old': 409,
  'request-too-large': 413,
  'media-type-unsupported': 415,
  'rate-limited': 429,
  'internal-error': 500,
  'list-full': 503,
  overloaded: 503,
} as const;

export type ApiErrorCode = keyof typeof ERROR_STATUS;

/** A request that is refused; the message is one line for the person at the other end. */
export function refusal(code: ApiErrorCode, message: string): OvercallError {
  return new OvercallError(code, message);
}

export function isApiErrorCode(code: string): code is ApiErrorCode {
  return Object.hasOwn(ERROR_STATUS, code);
}
