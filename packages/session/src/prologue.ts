import { concatBytes } from '@overcall/wire';

/**
 * Noise prologue of a call: everything that both sides must agree on before the first key exists. It opens with
 * the negotiated version, so that neither side ever runs with another one than the two lists give.
 *
 * | bytes | field |
 * |---|---|
 * | 13 | "overcall call" |
 * | 1 | negotiated version: the highest one in both lists |
 * | 1 + n | caller's versions: count, then one byte each, as sent |
 * | 1 + n | callee's versions: likewise |
 * | 2 + n | directory key id: length (big-endian), UTF-8 |
 * | 2 + n | caller's name: likewise |
 * | 2 + n | callee's name: likewise |
 */
const LABEL = new TextEncoder().encode('overcall call');

export interface PrologueParts {
  callerVersions: number[];
  calleeVersions: number[];
  directoryKeyId: string;
  caller: string;
  callee: string;
}

/** The highest version in both lists; null when there is none. */
export function highestCommonVersion(a: readonly number[], b: readonly number[]): number | null {
  const common = a.filter((version) => b.includes(version));
  return common.length === 0 ? null : Math.max(...common);
}

/** @throws RangeError when the lists have no version in common or hold what is no version (1..255) */
export function callPrologue(parts: PrologueParts): Uint8Array<ArrayBuffer> {
  const version = highestCommonVersion(parts.callerVersions, parts.calleeVersions);
  if (version === null) throw new RangeError('no call version in common');
  return concatBytes(
    LABEL,
    new Uint8Array([version]),
    versionList(parts.callerVersions),
    versionList(parts.calleeVersions),
    prefixedText(parts.directoryKeyId),
    prefixedText(parts.caller),
    prefixedText(parts.callee),
  );
}

/** The version that a prologue of {@link callPrologue} says; null for any other bytes. */
export function negotiatedVersion(prologue: Uint8Array): number | null {
  if (LABEL.some((byte, at) => prologue[at] !== byte)) return null;
  return prologue[LABEL.length] || null;
}

function versionList(versions: readonly number[]): Uint8Array {
  const valid = versions.every((version) => Number.isInteger(version) && version >= 1 && version <= 255);
  if (!valid || versions.length > 255) throw new RangeError('a call version is an integer from 1 to 255');
  return new Uint8Array([versions.length, ...versions]);
}

function prefixedText(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 0xffff) throw new RangeError('a name in a prologue has at most 65,535 bytes');
  return concatBytes(new Uint8Array([bytes.length >> 8, bytes.length & 0xff]), bytes);
}
